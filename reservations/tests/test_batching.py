"""Callers share work: each gets its own answer, in order, and nobody waits for nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reservations.batching import Batcher, Limits
from reservations.errors import Busy
from reservations.tests.waiting import wait_until


class Orphaned(Exception):
    """What callers are told whose leader was killed."""


class Killed(BaseException):
    """As a thread or greenlet is told to end."""


class Workshop:
    """Work that can be held up, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.open = Event()
        self.open.set()
        self.faults: dict[str, BaseException] = {}

    def __call__(self, items: Sequence[str]) -> list[str]:
        self.batches.append(list(items))
        assert self.open.wait(timeout=30)
        for item in items:
            if item in self.faults:
                raise self.faults[item]
        return [item.upper() for item in items]

    @contextmanager
    def held_up(self) -> Iterator[None]:
        self.open.clear()
        try:
            yield
        finally:
            self.open.set()


class Callers:
    """Threads that call one after the other, each certain to wait before the next comes."""

    def __init__(self, batcher: Batcher[str, str], pool: ThreadPoolExecutor) -> None:
        self.batcher = batcher
        self.pool = pool

    def call(self, item: str, key: str = "event") -> Future[str]:
        before = self.waiting(key)
        future = self.pool.submit(self.batcher.submit, key, item)
        wait_until(lambda: future.done() or self.waiting(key) != before or self.leads(key))
        return future

    def waiting(self, key: str) -> int:
        return len(self.batcher._queues.get(key, ()))

    def leads(self, key: str) -> bool:
        return key in self.batcher._queues and self.waiting(key) == 0


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


def batcher(
    workshop: Callable[[list[str]], Sequence[str]],
    *,
    batch: int = 100,
    queue: int = 100,
    timeout: float = 30,
    prepare: Callable[[], object] = lambda: None,
) -> Batcher[str, str]:
    return Batcher(
        workshop, prepare=prepare, orphaned=Orphaned, limits=Limits(batch, queue, timeout)
    )


@pytest.fixture
def callers(workshop: Workshop, pool: ThreadPoolExecutor) -> Callers:
    return Callers(batcher(workshop), pool)


def test_a_caller_alone_does_not_wait(callers: Callers, workshop: Workshop) -> None:
    assert callers.batcher.submit("event", "a") == "A"
    assert callers.batcher.submit("event", "b") == "B"
    assert workshop.batches == [["a"], ["b"]]
    assert callers.batcher._queues == {}


def test_callers_that_wait_share_the_next_batch_in_order(
    callers: Callers, workshop: Workshop
) -> None:
    with workshop.held_up():
        calls = [callers.call(item) for item in "abcde"]
    assert [call.result(30) for call in calls] == list("ABCDE")
    assert workshop.batches == [["a"], ["b", "c", "d", "e"]]
    wait_until(lambda: callers.batcher._queues == {})


def test_callers_during_the_preparation_join_the_batch(
    workshop: Workshop, pool: ThreadPoolExecutor
) -> None:
    prepared = Event()
    callers = Callers(batcher(workshop, prepare=lambda: prepared.wait(30)), pool)
    first = pool.submit(callers.batcher.submit, "event", "a")
    wait_until(lambda: callers.waiting("event") == 1)
    second = callers.call("b")
    prepared.set()
    assert (first.result(30), second.result(30)) == ("A", "B")
    assert workshop.batches == [["a", "b"]]


def test_a_batch_is_no_larger_than_its_limit(workshop: Workshop, pool: ThreadPoolExecutor) -> None:
    callers = Callers(batcher(workshop, batch=2), pool)
    with workshop.held_up():
        calls = [callers.call(item) for item in "abcdef"]
    assert [call.result(30) for call in calls] == list("ABCDEF")
    assert workshop.batches == [["a"], ["b", "c"], ["d", "e"], ["f"]]


def test_a_caller_is_refused_when_the_queue_is_full(
    workshop: Workshop, pool: ThreadPoolExecutor
) -> None:
    callers = Callers(batcher(workshop, queue=2), pool)
    with workshop.held_up():
        calls = [callers.call(item) for item in "abc"]
        started = time.monotonic()
        with pytest.raises(Busy):
            callers.batcher.submit("event", "d")
        assert time.monotonic() - started < 10  # at once, and not when there is room
    assert [call.result(30) for call in calls] == list("ABC")
    assert workshop.batches == [["a"], ["b", "c"]]


def test_keys_do_not_wait_for_each_other(callers: Callers, workshop: Workshop) -> None:
    with workshop.held_up():
        calls = [callers.call("a", "one"), callers.call("b", "other")]
        assert workshop.batches == [["a"], ["b"]]
    assert [call.result(30) for call in calls] == ["A", "B"]


def test_a_caller_gives_up_only_while_it_waits(
    workshop: Workshop, pool: ThreadPoolExecutor
) -> None:
    callers = Callers(batcher(workshop, timeout=0.2), pool)
    with workshop.held_up():
        working = callers.call("a")
        waiting = callers.call("b")
        with pytest.raises(Busy):
            waiting.result(30)
        time.sleep(0.3)  # longer than a caller may wait
        assert not working.done()
        late = callers.call("c")
    assert (working.result(30), late.result(30)) == ("A", "C")
    assert workshop.batches == [["a"], ["c"]]


def test_a_caller_whose_batch_has_begun_does_not_give_up(pool: ThreadPoolExecutor) -> None:
    gate = Workshop()

    def work(items: Sequence[str]) -> list[str]:
        answers = gate(items)
        if len(items) > 1:
            time.sleep(1)  # longer than a caller may wait
        return answers

    callers = Callers(batcher(work, timeout=0.5), pool)
    with gate.held_up():
        calls = [callers.call(item) for item in "abc"]
    assert [call.result(30) for call in calls] == list("ABC")
    assert gate.batches == [["a"], ["b", "c"]]


def test_an_error_is_raised_for_every_caller_in_the_batch(
    callers: Callers, workshop: Workshop
) -> None:
    workshop.faults["c"] = ValueError("c is not good")
    with workshop.held_up():
        calls = [callers.call(item) for item in "abcd"]
    assert calls[0].result(30) == "A"
    for call in calls[1:]:
        with pytest.raises(ValueError, match="c is not good"):
            call.result(30)
    assert callers.batcher.submit("event", "e") == "E"


def test_a_failed_preparation_is_raised_for_all_who_wait(
    workshop: Workshop, pool: ThreadPoolExecutor
) -> None:
    gate = Event()

    def prepare() -> None:
        gate.wait(30)
        raise Busy

    callers = Callers(batcher(workshop, prepare=prepare), pool)
    first = pool.submit(callers.batcher.submit, "event", "a")
    wait_until(lambda: callers.waiting("event") == 1)
    second = callers.call("b")
    gate.set()
    for call in (first, second):
        with pytest.raises(Busy):
            call.result(30)
    assert workshop.batches == []
    wait_until(lambda: callers.batcher._queues == {})


def test_a_leader_that_is_killed_leaves_nobody_waiting(
    callers: Callers, workshop: Workshop
) -> None:
    workshop.faults["b"] = Killed()
    with workshop.held_up():
        first, killed, orphan = (callers.call(item) for item in "abc")
        wait_until(lambda: callers.waiting("event") == 2)
    assert first.result(30) == "A"
    with pytest.raises(Killed):
        killed.result(30)
    with pytest.raises(Orphaned):
        orphan.result(30)
    assert callers.batcher.submit("event", "d") == "D"


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent
from reservations.batching import Batcher, Limits

batches = []

def work(items):
    batches.append(items)
    gevent.sleep(0.05)
    if KILLED == "about to lead" and items == ["a"]:
        greenlets[1].kill(block=False)
    if KILLED == "leading" and "b" in items:
        greenlets[1].kill(block=False)
        gevent.sleep(1)
    return [item.upper() for item in items]

batcher = Batcher(
    work, prepare=lambda: None, orphaned=LookupError, limits=Limits(100, 100, 10)
)
greenlets = [gevent.spawn(batcher.submit, "event", item) for item in "abcd"]
gevent.sleep(0.01)
if KILLED == "waiting":
    greenlets[1].kill(block=False)
gevent.joinall(greenlets, timeout=10)
told = [str(each.value or type(each.exception).__name__) for each in greenlets]
print(batches, told, batcher._queues)
print(batcher.submit("event", "e"))
"""


@pytest.mark.parametrize(
    ("killed", "batches", "told"),
    [
        ("nobody", [["a"], ["b", "c", "d"]], ["A", "B", "C", "D"]),
        ("waiting", [["a"], ["c", "d"]], ["A", "", "C", "D"]),
        ("about to lead", [["a"], ["c", "d"]], ["A", "", "C", "D"]),
        ("leading", [["a"], ["b", "c", "d"]], ["A", "", "LookupError", "LookupError"]),
    ],
)
def test_a_killed_greenlet_leaves_nobody_waiting(
    killed: str, batches: list[list[str]], told: list[str]
) -> None:
    """As gunicorn ends a worker's requests that take too long to stop."""
    done = subprocess.run(
        [sys.executable, "-c", f"KILLED = {killed!r}\n{GREENLETS}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"{batches} {told} {{}}\nE\n"


def test_a_forked_process_begins_without_callers(callers: Callers, workshop: Workshop) -> None:
    with workshop.held_up():
        calls = [callers.call("a"), callers.call("b")]
        child = os.fork()
        if child == 0:
            workshop.open.set()
            works = callers.batcher._queues == {} and callers.batcher.submit("event", "x") == "X"
            os._exit(0 if works else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert [call.result(30) for call in calls] == ["A", "B"]


@given(
    items=st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 99)), max_size=20),
    size=st.integers(1, 5),
)
def test_each_item_is_done_once_and_each_caller_is_answered(
    items: list[tuple[str, int]], size: int
) -> None:
    done: dict[str, list[int]] = {"x": [], "y": [], "z": []}

    def work(batch: list[tuple[str, int]]) -> list[tuple[str, int, str]]:
        assert len(batch) <= size
        for key, number in batch:
            done[key].append(number)
        return [(key, number, "done") for key, number in batch]

    shared: Batcher[tuple[str, int], tuple[str, int, str]] = Batcher(
        work, prepare=lambda: None, orphaned=Orphaned, limits=Limits(size, 100, 30)
    )
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda item: shared.submit(item[0], item), items))
    assert answers == [(*item, "done") for item in items]
    for key, numbers in done.items():
        assert sorted(numbers) == sorted(number for each, number in items if each == key)
