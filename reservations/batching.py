"""Combines concurrent calls into batches, without waiting for a batch to fill.

The first caller becomes the leader and starts immediately. Callers that arrive in the meantime
wait in a queue. When the batch is done, the first caller in the queue becomes the next leader and
takes the queued callers as its batch, up to a limit. A lone caller never waits for others.

Works with threads, and with greenlets if gevent has patched the standard library.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from threading import Event, Lock
from typing import Generic, NamedTuple, TypeVar

from reservations import deadline
from reservations.deadline import Deadline
from reservations.errors import Busy, Refusal

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")

_LATE_SECONDS = 0.2
"""A caller with less time left than this is refused, because its batch would hardly succeed and
would have to end early for all of its callers."""


class BatchFailed(Exception):
    """Another caller's batch failed; ``__cause__`` is the error, which that caller raises."""


class _Caller(Generic[_Item, _Answer]):
    """A caller and its item. ``turn`` is set when it becomes leader or its result is ready."""

    __slots__ = ("answer", "deadline", "dequeued", "error", "is_leader", "item", "turn")

    answer: _Answer

    def __init__(self, item: _Item) -> None:
        self.item = item
        self.deadline = deadline.current() or Deadline.start()
        self.turn = Event()
        self.is_leader = False
        self.dequeued = False
        """Whether the caller has left the queue: its batch has begun, or it gave up."""
        self.error: BaseException | None = None

    def is_late(self) -> bool:
        return self.deadline.remaining() < _LATE_SECONDS

    def result(self) -> _Answer:
        if self.error:
            error, self.error = self.error, None
            try:
                # A new exception for each caller: each raise adds to the traceback of an instance.
                raise copy(error) if isinstance(error, Refusal) else BatchFailed() from error
            finally:
                del error  # breaks the reference cycle between its traceback and this frame
        return self.answer


class Limits(NamedTuple):
    """The limits of a ``Batcher``."""

    batch: int
    """Maximum number of items in a batch."""
    queue: int
    """Maximum number of callers in the queue of one key."""


class Batcher(Generic[_Item, _Answer]):
    """Processes items in batches: in order of arrival, one batch at a time per key.

    A caller waits for its batch to begin until its deadline at most. A batch has the earliest
    deadline of its callers.
    """

    def __init__(
        self,
        work: Callable[[list[_Item]], Sequence[_Answer]],
        *,
        prepare: Callable[[], object],
        leader_killed_error: type[Refusal],
        limits: Limits,
    ) -> None:
        """Create a batcher.

        Args:
            work: called by the leader with the items of its batch; returns one answer for each
                item, in order.
            prepare: called by the leader before it takes its batch from the queue, so callers that
                arrive while it runs join the batch.
            leader_killed_error: raised for the other callers of a batch whose leader is killed,
                that is, interrupted by a ``BaseException`` that is not an ``Exception``.
            limits: the maximum sizes of batches and queues.
        """
        self._work = work
        self._prepare = prepare
        self._leader_killed_error = leader_killed_error
        self._limits = limits
        self._reset()
        # Callers waiting in the parent do not exist in a forked child.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = Lock()
        # A key has a queue only while it has a leader.
        self._queues: dict[str, deque[_Caller[_Item, _Answer]]] = {}

    def submit(self, key: str, item: _Item) -> _Answer:
        """Process ``item`` in a batch of ``key`` and return its answer.

        Raises:
            Busy: the queue is full, or the batch did not begin in time; ``item`` was not processed.
            Exception: as leader, the error raised by ``prepare`` or ``work``.
            Refusal: the same refusal as the leader's, or ``leader_killed_error``.
            BatchFailed: the leader raised another error.
        """
        caller: _Caller[_Item, _Answer] = _Caller(item)
        self._join(key, caller)
        if not caller.is_leader:
            self._wait(key, caller)
        if caller.is_leader:
            self._lead(key, caller)
        return caller.result()

    def waiting(self, key: str) -> int:
        """Return the number of callers of ``key`` in the queue, whose batch has not begun yet."""
        with self._lock:
            return len(self._queues.get(key, ()))

    def _join(self, key: str, caller: _Caller[_Item, _Answer]) -> None:
        with self._lock:
            queue = self._queues.get(key)
            if queue is None:
                queue = self._queues[key] = deque()
                caller.is_leader = True
            elif len(queue) >= self._limits.queue:
                raise Busy
            queue.append(caller)

    def _wait(self, key: str, caller: _Caller[_Item, _Answer]) -> None:
        try:
            in_time = caller.turn.wait(max(caller.deadline.remaining(), 0))
            if in_time or not self._give_up(key, caller):
                caller.turn.wait()
                return
        except BaseException:
            self._abandon(key, caller)
            raise
        raise Busy

    def _give_up(self, key: str, caller: _Caller[_Item, _Answer]) -> bool:
        """Leave the queue. Return False if the caller has become leader or its batch has begun."""
        with self._lock:
            queued = not (caller.is_leader or caller.dequeued)
            if queued:
                caller.dequeued = True
                self._queues[key].remove(caller)
            return queued

    def _abandon(self, key: str, caller: _Caller[_Item, _Answer]) -> None:
        """Remove a caller whose wait was interrupted; promote the next one if it was the leader."""
        with self._lock:
            if caller.dequeued:
                return
            self._queues[key].remove(caller)
            if caller.is_leader:
                self._promote_next(key)

    def _lead(self, key: str, leader: _Caller[_Item, _Answer]) -> None:
        batch: list[_Caller[_Item, _Answer]] = []
        try:
            if not leader.is_late():
                with deadline.within(leader.deadline):
                    self._prepare()
            batch = self._take_batch(key, leader)
            self._process([caller for caller in batch if caller.error is None])
        except BaseException as error:
            batch = batch or self._take_batch(key, leader)
            killed = not isinstance(error, Exception)
            for caller in batch:
                caller.error = caller.error or (self._leader_killed_error() if killed else error)
            leader.error = None  # The leader raises the error itself.
            raise
        finally:
            with self._lock:
                self._promote_next(key)
            for caller in batch:
                caller.turn.set()

    def _take_batch(
        self, key: str, leader: _Caller[_Item, _Answer]
    ) -> list[_Caller[_Item, _Answer]]:
        """Remove a batch from the queue, and refuse its late callers.

        If the leader is late, the others stay in the queue: they must not delay its answer.
        """
        with self._lock:
            queue = self._queues[key]
            batch = [queue.popleft() for _ in range(min(len(queue), self._limits.batch))]
            for caller in batch:
                caller.error = Busy() if caller.is_late() else None
            if leader.error:
                queue.extendleft(caller for caller in reversed(batch) if not caller.error)
                batch = [caller for caller in batch if caller.error]
            for caller in batch:
                caller.dequeued = True
        return batch

    def _process(self, batch: Sequence[_Caller[_Item, _Answer]]) -> None:
        if not batch:
            return
        with deadline.within(min(caller.deadline for caller in batch)):
            answers = self._work([caller.item for caller in batch])
        for caller, answer in zip(batch, answers, strict=True):
            caller.answer = answer

    def _promote_next(self, key: str) -> None:
        queue = self._queues[key]
        if queue:
            queue[0].is_leader = True
            queue[0].turn.set()
        else:
            del self._queues[key]
