"""The ledger through the real database, against a model: any sequence of commands."""

from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from reservations.errors import CapacityBelowSold, NotEnoughSeats, ReservationNotFound
from reservations.ledger import Cancel, EditEvent, submit
from reservations.models import Event, Reservation
from reservations.tests.books import assert_books, assert_proven
from reservations.tests.factories import EventFactory, reserve


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.event = EventFactory.create(total_seats=10)
        self.total = 10
        self.name = self.event.name
        self.live: dict[UUID, int] = {}
        self.ended: list[UUID] = []
        self.version = 0

    @property
    def available(self) -> int:
        return self.total - sum(self.live.values())

    @rule(seats=st.integers(1, 6))
    def reserve(self, seats: int) -> None:
        if seats > self.available:
            with pytest.raises(NotEnoughSeats) as refusal:
                reserve(self.event, seats=seats)
            assert refusal.value == NotEnoughSeats(seats, self.available)
        else:
            self.live[reserve(self.event, seats=seats)] = seats
            self.version += 1

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from([*self.live, *self.ended, uuid4()]))
        if chosen in self.live:
            submit(Cancel(reservation_id=chosen, actor="test"))
            self.ended.append(chosen)
            del self.live[chosen]
            self.version += 1
        else:
            with pytest.raises(ReservationNotFound):
                submit(Cancel(reservation_id=chosen, actor="test"))

    @rule(total=st.integers(0, 20))
    def set_capacity(self, total: int) -> None:
        command = EditEvent(event=self.event.slug, edits={"total_seats": total}, actor="test")
        if total < sum(self.live.values()):
            with pytest.raises(CapacityBelowSold):
                submit(command)
        else:
            submit(command)
            self.total = total
            self.version += 1

    @rule(
        name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
    )
    def rename(self, name: str) -> None:
        submit(EditEvent(event=self.event.slug, edits={"name": name}, actor="test"))
        self.name = name
        self.version += 1

    @invariant()
    def the_counters_follow_the_model(self) -> None:
        stored = Event.objects.values_list(
            "total_seats", "available_seats", "version", "reservation_count", "name"
        )
        assert stored.get(pk=self.event.pk) == (
            self.total,
            self.available,
            self.version,
            len(self.live),
            self.name,
        )

    def teardown(self) -> None:
        assert_books(
            self.event,
            available=self.available,
            version=self.version,
            reservations=len(self.live),
        )
        assert_proven()
        stored = Reservation.objects.filter(event=self.event, status="confirmed")
        assert dict(stored.values_list("pk", "seats")) == self.live


@pytest.mark.django_db(transaction=True)
def test_any_sequence_through_the_database() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
