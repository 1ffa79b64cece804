"""Callers that arrive together share one piece of work; nobody waits for company.

The first caller leads: it begins at once. Whoever arrives meanwhile queues up, and when the work is
done the first of them leads next, for all who are there by then. It runs on threads, or on
greenlets where gevent has taken their place.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Generic, NamedTuple, TypeVar

from reservations.errors import Busy

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


class _Caller(Generic[_Item, _Answer]):
    """Who has handed in an item, and waits for its turn: to lead, or to be answered."""

    __slots__ = ("answer", "error", "item", "leads", "taken", "turn")

    answer: _Answer

    def __init__(self, item: _Item) -> None:
        self.item = item
        self.turn = Event()
        self.leads = False
        self.taken = False
        """Whether it has left the queue: in a batch, it is too late to give up."""
        self.error: BaseException | None = None

    def result(self) -> _Answer:
        if self.error:
            error, self.error = self.error, None
            try:
                raise error
            finally:
                del error  # else its traceback and this frame hold each other
        return self.answer


class Limits(NamedTuple):
    """How much is done at once, and how much may wait."""

    batch: int
    """Most items in a batch."""
    queue: int
    """Most callers that wait for one key."""
    timeout: float
    """Seconds that a caller waits at most before its batch begins."""


class Batcher(Generic[_Item, _Answer]):
    """Does work for many callers at once: in order, one batch at a time for each key."""

    def __init__(
        self,
        work: Callable[[list[_Item]], Sequence[_Answer]],
        *,
        prepare: Callable[[], object],
        orphaned: type[Exception],
        limits: Limits,
    ) -> None:
        """Let the leader of a batch call ``work``, which returns an answer for each item.

        Before, it calls ``prepare``: whoever arrives during that is in its batch. If the leader is
        killed, the others raise ``orphaned``.
        """
        self._work = work
        self._prepare = prepare
        self._orphaned = orphaned
        self._limits = limits
        self._reset()
        # Whoever waits in the process that is forked does not exist in the new one.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = Lock()
        # A key has a queue only while somebody leads it.
        self._queues: dict[str, deque[_Caller[_Item, _Answer]]] = {}

    def submit(self, key: str, item: _Item) -> _Answer:
        """Return the answer to ``item``, as soon as the batch that it is in is done.

        Raises:
            Busy: too many wait, or the batch did not begin in time; nothing was done.
            Exception: what the work for the batch raised.
        """
        caller: _Caller[_Item, _Answer] = _Caller(item)
        self._join(key, caller)
        if not caller.leads:
            self._wait(key, caller)
        if caller.leads:
            self._lead(key)
        return caller.result()

    def _join(self, key: str, caller: _Caller[_Item, _Answer]) -> None:
        with self._lock:
            queue = self._queues.get(key)
            if queue is None:
                queue = self._queues[key] = deque()
                caller.leads = True
            elif len(queue) >= self._limits.queue:
                raise Busy
            queue.append(caller)

    def _wait(self, key: str, caller: _Caller[_Item, _Answer]) -> None:
        try:
            if caller.turn.wait(self._limits.timeout) or not self._give_up(key, caller):
                caller.turn.wait()
                return
        except BaseException:
            self._abandon(key, caller)
            raise
        raise Busy

    def _give_up(self, key: str, caller: _Caller[_Item, _Answer]) -> bool:
        """Leave the queue, unless the turn has come at the last moment."""
        with self._lock:
            waits = not (caller.leads or caller.taken)
            if waits:
                caller.taken = True
                self._queues[key].remove(caller)
            return waits

    def _abandon(self, key: str, caller: _Caller[_Item, _Answer]) -> None:
        """Leave nothing behind that others would wait for."""
        with self._lock:
            if caller.taken:
                return
            self._queues[key].remove(caller)
            if caller.leads:
                self._promote_next(key)

    def _lead(self, key: str) -> None:
        batch: list[_Caller[_Item, _Answer]] = []
        try:
            self._prepare()
            batch = self._take(key)
            answers = self._work([caller.item for caller in batch])
            for caller, answer in zip(batch, answers, strict=True):
                caller.answer = answer
        except BaseException as error:
            batch = batch or self._take(key)
            told = error if isinstance(error, Exception) else self._orphaned()
            for caller in batch:
                caller.error = told
            if told is not error:
                raise
        finally:
            with self._lock:
                self._promote_next(key)
            for caller in batch:
                caller.turn.set()

    def _take(self, key: str) -> list[_Caller[_Item, _Answer]]:
        with self._lock:
            queue = self._queues[key]
            batch = [queue.popleft() for _ in range(min(len(queue), self._limits.batch))]
            for caller in batch:
                caller.taken = True
        return batch

    def _promote_next(self, key: str) -> None:
        queue = self._queues[key]
        if queue:
            queue[0].leads = True
            queue[0].turn.set()
        else:
            del self._queues[key]
