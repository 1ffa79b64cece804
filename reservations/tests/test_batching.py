"""Batching of concurrent calls: answers, order, limits, timeouts and killed leaders."""

import gc
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from math import ceil
from threading import Event
from traceback import format_exception

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reservations import batching, deadline
from reservations.batching import Batcher, BatchFailed, Limits
from reservations.deadline import Deadline
from reservations.errors import Busy, Refusal
from reservations.tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("races")


class LeaderKilled(Refusal):
    """Raised for the callers of a batch whose leader was killed."""


class Killed(BaseException):
    """Interrupts a caller, as GreenletExit or KeyboardInterrupt does."""


class RecordingWork:
    """The work of a batcher: records its batches, and can be paused or made to fail."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.errors: dict[str, BaseException] = {}
        """The error to raise for a batch that contains the item."""
        self._running = Event()
        self._running.set()

    def __call__(self, items: Sequence[str]) -> list[str]:
        self.batches.append(list(items))
        assert self._running.wait(timeout=30)
        for item in items:
            if item in self.errors:
                raise self.errors[item]
        return [item.upper() for item in items]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let batches begin inside the block, but not end before it does."""
        self._running.clear()
        try:
            yield
        finally:
            self.resume()

    def resume(self) -> None:
        self._running.set()

    def has_begun(self, item: str) -> bool:
        return any(item in batch for batch in self.batches)


class CallerThreads:
    """Calls a batcher from threads; each call is queued or running before the next one starts."""

    def __init__(
        self, batcher: Batcher[str, str], work: RecordingWork, pool: ThreadPoolExecutor
    ) -> None:
        self.batcher, self._work, self._pool = batcher, work, pool

    def call(self, item: str, seconds: float = 90, *, key: str = "event") -> Future[str]:
        """Submit ``item`` in a thread; return once it is queued, in a running batch or answered.

        ``seconds`` is the time until its deadline.
        """
        before = self.batcher.waiting(key)
        future = self._pool.submit(self._submit, key, item, seconds)
        wait_until(
            lambda: (
                future.done() or self.batcher.waiting(key) > before or self._work.has_begun(item)
            )
        )
        return future

    def _submit(self, key: str, item: str, seconds: float) -> str:
        end = time.monotonic() + seconds
        with deadline.within(Deadline(end, end, end)):
            return self.batcher.submit(key, item)


def make_batcher(
    work: Callable[[list[str]], Sequence[str]],
    *,
    batch: int = 100,
    queue: int = 100,
    prepare: Callable[[], object] = lambda: None,
) -> Batcher[str, str]:
    return Batcher(
        work,
        prepare=prepare,
        leader_killed_error=LeaderKilled,
        limits=Limits(batch, queue),
    )


@pytest.fixture
def work() -> RecordingWork:
    return RecordingWork()


@pytest.fixture
def callers(work: RecordingWork, pool: ThreadPoolExecutor) -> CallerThreads:
    return CallerThreads(make_batcher(work), work, pool)


def test_lone_caller_does_not_wait(callers: CallerThreads, work: RecordingWork) -> None:
    assert callers.batcher.submit("event", "a") == "A"
    assert callers.batcher.submit("event", "b") == "B"
    assert work.batches == [["a"], ["b"]]
    assert callers.batcher.waiting("event") == 0


def test_queued_callers_share_the_next_batch_in_order(
    callers: CallerThreads, work: RecordingWork
) -> None:
    with work.paused():
        calls = [callers.call(item) for item in "abcde"]
        assert callers.batcher.waiting("event") == 4
    assert [call.result(30) for call in calls] == list("ABCDE")
    assert work.batches == [["a"], ["b", "c", "d", "e"]]
    assert callers.batcher.waiting("event") == 0
    assert callers.batcher.submit("event", "f") == "F"


def test_callers_during_preparation_join_the_batch(
    work: RecordingWork, pool: ThreadPoolExecutor
) -> None:
    prepared = Event()
    callers = CallerThreads(make_batcher(work, prepare=lambda: prepared.wait(30)), work, pool)
    calls = [callers.call("a"), callers.call("b")]
    assert callers.batcher.waiting("event") == 2
    prepared.set()
    assert [call.result(30) for call in calls] == ["A", "B"]
    assert work.batches == [["a", "b"]]


def test_batch_size_is_limited(work: RecordingWork, pool: ThreadPoolExecutor) -> None:
    callers = CallerThreads(make_batcher(work, batch=2), work, pool)
    with work.paused():
        calls = [callers.call(item) for item in "abcdef"]
    assert [call.result(30) for call in calls] == list("ABCDEF")
    assert work.batches == [["a"], ["b", "c"], ["d", "e"], ["f"]]


def test_full_queue_refuses_a_caller_immediately(
    work: RecordingWork, pool: ThreadPoolExecutor
) -> None:
    callers = CallerThreads(make_batcher(work, queue=2), work, pool)
    with work.paused():
        calls = [callers.call(item) for item in "abc"]
        started = time.monotonic()
        with pytest.raises(Busy):
            callers.batcher.submit("event", "d")
        assert time.monotonic() - started < 10  # far less than the timeout of the queue
    assert [call.result(30) for call in calls] == list("ABC")
    assert work.batches == [["a"], ["b", "c"]]


def test_keys_do_not_wait_for_each_other(callers: CallerThreads, work: RecordingWork) -> None:
    with work.paused():
        calls = [callers.call("a", key="one"), callers.call("b", key="other")]
        assert work.batches == [["a"], ["b"]]
    assert [call.result(30) for call in calls] == ["A", "B"]


def test_queued_caller_times_out_and_is_not_processed(
    callers: CallerThreads, work: RecordingWork
) -> None:
    with work.paused():
        running = callers.call("a")
        with pytest.raises(Busy):
            callers.call("b", seconds=0.3).result(30)
    assert running.result(30) == "A"
    assert callers.batcher.submit("event", "c") == "C"
    assert work.batches == [["a"], ["c"]]


def test_caller_in_a_running_batch_does_not_time_out(
    work: RecordingWork, pool: ThreadPoolExecutor
) -> None:
    prepared = Event()
    batcher = make_batcher(work, prepare=lambda: prepared.wait(30))
    callers = CallerThreads(batcher, work, pool)
    with work.paused():
        calls = [callers.call("a", seconds=1), callers.call("b", seconds=1)]
        prepared.set()
        wait_until(lambda: work.batches == [["a", "b"]])
        # This caller arrived later and times out, so those in the batch have waited even longer.
        with pytest.raises(Busy):
            callers.call("c", seconds=1).result(30)
    assert [call.result(30) for call in calls] == ["A", "B"]


def test_caller_without_time_for_a_batch_is_not_processed(
    callers: CallerThreads, work: RecordingWork
) -> None:
    with pytest.raises(Busy):
        callers.call("a", seconds=0.1).result(30)
    assert (work.batches, callers.batcher.waiting("event")) == ([], 0)


@pytest.mark.parametrize("late_first", [True, False])
def test_late_caller_is_refused_and_does_not_delay_others(
    callers: CallerThreads,
    work: RecordingWork,
    monkeypatch: pytest.MonkeyPatch,
    *,
    late_first: bool,
) -> None:
    with work.paused():
        running = callers.call("a")
        calls = [
            callers.call(item, seconds=20 if item == "l" else 60)
            for item in ("lbc" if late_first else "blc")
        ]
        monkeypatch.setattr(batching, "_LATE_SECONDS", 30)
    late = calls.pop(0 if late_first else 1)
    assert [call.result(30) for call in (running, *calls)] == ["A", "B", "C"]
    with pytest.raises(Busy):
        late.result(30)
    assert work.batches == [["a"], ["b", "c"]]


def test_late_caller_is_refused_even_if_its_batch_fails(
    callers: CallerThreads, work: RecordingWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not processed, so the error of the others does not concern it."""
    work.errors["b"] = ValueError("invalid item b")
    with work.paused():
        calls = [callers.call("a"), callers.call("b", 60), callers.call("l", 20)]
        monkeypatch.setattr(batching, "_LATE_SECONDS", 30)
    assert [type(call.exception(30)) for call in calls] == [type(None), ValueError, Busy]


def test_batch_has_the_earliest_deadline_of_its_callers(
    work: RecordingWork, pool: ThreadPoolExecutor
) -> None:
    times_left: list[float] = []

    def process(items: Sequence[str]) -> list[str]:
        current = deadline.current()
        assert current is not None
        times_left.append(current.remaining())
        return work(items)

    callers = CallerThreads(make_batcher(process), work, pool)
    with work.paused():
        calls = [callers.call(*call) for call in (("a", 90), ("b", 60), ("c", 30), ("d", 60))]
    assert [call.result(30) for call in calls] == list("ABCD")
    assert [ceil(seconds / 30) for seconds in times_left] == [3, 1]


def test_error_is_raised_anew_for_every_caller_in_the_batch(
    callers: CallerThreads, work: RecordingWork
) -> None:
    """Each raise adds to the traceback of an exception, so callers must not share an instance."""
    failure = work.errors["c"] = ValueError("invalid item c")
    with work.paused():
        calls = [callers.call(item) for item in "abcd"]
    assert calls[0].result(30) == "A"
    leader, *others = [call.exception(30) for call in calls[1:]]
    assert leader is failure
    assert [type(error) for error in others] == [BatchFailed, BatchFailed]
    assert [error and error.__cause__ for error in others] == [failure, failure]
    assert others[0] is not others[1]
    assert callers.batcher.submit("event", "e") == "E"


def test_traceback_of_a_failed_batch_does_not_grow(pool: ThreadPoolExecutor) -> None:
    def longest_traceback(size: int) -> int:
        work = RecordingWork()
        work.errors["c"] = Busy()
        callers = CallerThreads(make_batcher(work), work, pool)
        with work.paused():
            calls = [callers.call("a"), *(callers.call("c") for _ in range(size))]
        errors = [error for call in calls if (error := call.exception(30))]
        assert len(errors) == size
        return max(len(format_exception(error)) for error in errors)

    assert longest_traceback(2) == longest_traceback(12)


def test_failed_preparation_is_raised_for_all_in_the_queue(
    work: RecordingWork, pool: ThreadPoolExecutor
) -> None:
    proceed, fails = Event(), True

    def prepare() -> None:
        assert proceed.wait(30)
        if fails:
            raise Busy

    callers = CallerThreads(make_batcher(work, prepare=prepare), work, pool)
    calls = [callers.call("a"), callers.call("b")]
    proceed.set()
    refusals = [call.exception(30) for call in calls]
    assert [type(each) for each in refusals] == [Busy, Busy]
    assert refusals[0] is not refusals[1]
    assert work.batches == []
    fails = False
    assert callers.batcher.submit("event", "c") == "C"


def test_killed_leader_blocks_no_other_caller(callers: CallerThreads, work: RecordingWork) -> None:
    work.errors["b"] = Killed()
    with work.paused():
        first, killed, follower = (callers.call(item) for item in "abc")
        assert callers.batcher.waiting("event") == 2
    assert first.result(30) == "A"
    with pytest.raises(Killed):
        killed.result(30)
    with pytest.raises(LeaderKilled):
        follower.result(30)
    assert callers.batcher.submit("event", "d") == "D"


class Key(str):
    """A key that weak references can point to."""

    __slots__ = ("__weakref__",)


@pytest.mark.parametrize("error", [None, ValueError("failed")], ids=["answered", "failed"])
def test_no_memory_is_kept_for_an_idle_key(work: RecordingWork, error: Exception | None) -> None:
    """Clients can send any number of unknown slugs, each of which is a key."""
    if error:
        work.errors["a"] = error
    batcher = make_batcher(work)
    key = Key("unknown")
    reference = weakref.ref(key)
    with suppress(ValueError):
        batcher.submit(key, "a")
    assert work.batches == [["a"]]
    work.errors.clear()
    if error:
        error.__traceback__ = None  # its frames refer to the key
    del key
    gc.collect()
    assert reference() is None


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent
from gevent.event import Event
from reservations.batching import Batcher, Limits
from reservations.errors import Refusal

class LeaderKilled(Refusal):
    pass

batches = []
all_queued = Event()

def work(items):
    batches.append(items)
    if items == ["a"]:
        all_queued.wait()
        if KILLED == "about to lead":
            greenlets[1].kill(block=False)
    elif KILLED == "leading" and "b" in items:
        greenlets[1].kill(block=False)
        Event().wait()  # until killed
    return [item.upper() for item in items]

batcher = Batcher(
    work, prepare=lambda: None, leader_killed_error=LeaderKilled, limits=Limits(100, 100)
)
greenlets = [gevent.spawn(batcher.submit, "event", item) for item in "abcd"]
while batcher.waiting("event") < 3:
    gevent.sleep(0)
if KILLED == "waiting":
    greenlets[1].kill()
all_queued.set()
gevent.joinall(greenlets, timeout=10)
answers = [str(each.value or type(each.exception).__name__) for each in greenlets]
print(batches, answers, batcher.waiting("event"))
print(batcher.submit("event", "e"))
"""


@pytest.mark.parametrize(
    ("killed", "batches", "answers"),
    [
        ("none", [["a"], ["b", "c", "d"]], ["A", "B", "C", "D"]),
        ("waiting", [["a"], ["c", "d"]], ["A", "", "C", "D"]),
        ("about to lead", [["a"], ["c", "d"]], ["A", "", "C", "D"]),
        ("leading", [["a"], ["b", "c", "d"]], ["A", "", "LeaderKilled", "LeaderKilled"]),
    ],
    ids=["none", "waiting", "about-to-lead", "leading"],
)
def test_killed_greenlet_blocks_no_other_caller(
    killed: str, batches: list[list[str]], answers: list[str]
) -> None:
    """A gunicorn worker that shuts down kills the greenlets of requests that take too long."""
    done = subprocess.run(
        [sys.executable, "-c", f"KILLED = {killed!r}\n{GREENLETS}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{batches} {answers} 0\nE\n"), done.stderr


def test_forked_process_starts_without_callers(callers: CallerThreads, work: RecordingWork) -> None:
    with work.paused():
        calls = [callers.call("a"), callers.call("b")]
        child = os.fork()
        if child == 0:
            idle = callers.batcher.waiting("event") == 0
            work.resume()
            os._exit(0 if idle and callers.batcher.submit("event", "x") == "X" else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert [call.result(30) for call in calls] == ["A", "B"]


@given(
    items=st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 99)), max_size=20),
    size=st.integers(1, 5),
)
def test_each_item_is_processed_once_and_answered(items: list[tuple[str, int]], size: int) -> None:
    done: dict[str, list[int]] = {"x": [], "y": [], "z": []}

    def work(batch: list[tuple[str, int]]) -> list[tuple[str, int, str]]:
        assert len(batch) <= size
        for key, number in batch:
            done[key].append(number)
        return [(key, number, "done") for key, number in batch]

    shared: Batcher[tuple[str, int], tuple[str, int, str]] = Batcher(
        work, prepare=lambda: None, leader_killed_error=LeaderKilled, limits=Limits(size, 100)
    )
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda item: shared.submit(item[0], item), items))
    assert answers == [(*item, "done") for item in items]
    for key, numbers in done.items():
        assert sorted(numbers) == sorted(number for each, number in items if each == key)
