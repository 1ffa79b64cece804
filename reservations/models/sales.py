"""The state of an event's sales."""

from typing import Any

from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, TextChoices, Value, When
from django.db.models.functions import Now

from reservations.models.change import Change
from reservations.models.event import Event


class SalesState(TextChoices):
    """Whether an event is on sale, and if not, why."""

    DRAFT = "draft"
    PAUSED = "paused"
    NOT_OPEN = "not open yet"
    CLOSED = "closed"
    ON_SALE = "on sale"


def with_sales_state(events: QuerySet[Event]) -> QuerySet[Any]:
    """Annotate ``events`` with ``sales_state``, a ``SalesState`` by PostgreSQL's clock.

    A draft is an event that is paused and was never opened. No column records that, because the
    history does: an event that was on sale got paused by a change, whether it was created on sale
    or opened later. So a paused event without a change of the kind ``paused`` is a draft.
    """
    pauses = Change.objects.filter(event=OuterRef("pk"), kind=Change.Kind.PAUSED)
    # Sales end with a pause, so the search from the newest change soon finds the last one.
    last_pause = Subquery(pauses.order_by("-version").values("version")[:1])
    return events.alias(last_pause=last_pause).annotate(
        sales_state=Case(
            When(Q(sales_paused=True, last_pause__isnull=True), then=Value(SalesState.DRAFT)),
            When(sales_paused=True, then=Value(SalesState.PAUSED)),
            When(sales_open_at__gt=Now(), then=Value(SalesState.NOT_OPEN)),
            When(sales_close_at__lte=Now(), then=Value(SalesState.CLOSED)),
            default=Value(SalesState.ON_SALE),
        )
    )
