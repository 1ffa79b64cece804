"""The metrics: their figures, their listener, and the sum over all web processes."""

import re
import subprocess
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import psutil
import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils.timezone import now
from prometheus_client import generate_latest

from reservations.errors import NotEnoughSeats
from reservations.tests.factories import EventFactory, book, hold, reserve
from reservations.tests.queued_jobs import clear_jobs
from reservations.tests.waiting import wait_until
from ticketboss.metrics.exporter import make_registry
from ticketboss.tests.programs import ROOT, ServerProcess, environment, free_port, metrics


def value(text: str, sample: str) -> float:
    """Return the value of a sample in the text format of Prometheus, 0 if it is missing."""
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0


def read() -> str:
    """Return what Prometheus reads, except that the metrics are those of this process."""
    return generate_latest(make_registry()).decode()


def test_metrics_are_not_on_the_public_port(client: Client) -> None:
    response = client.get("/metrics")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.django_db(transaction=True)
def test_exhausted_pool_does_not_report_database_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def time_out(**_: object) -> None:
        raise OperationalError("couldn't get a connection after 3.00 sec")

    monkeypatch.setattr("reservations.queries.get_upcoming_events", time_out)
    assert value(read(), "ticketboss_database_up") == 1
    monkeypatch.setitem(connection.settings_dict, "NAME", "not_there")
    assert value(read(), "ticketboss_database_up") == 0


def test_commands_are_counted_by_outcome_and_timed(db: None) -> None:
    event = EventFactory.create(total_seats=2)
    sold = 'ticketboss_commands_total{command="Reserve",outcome="Reserved"}'
    refused = 'ticketboss_commands_total{command="Reserve",outcome="NotEnoughSeats"}'
    timed = ["ticketboss_transaction_seconds_count", "ticketboss_lock_wait_seconds_count"]
    before = read()
    reserve(event, seats=2)
    with pytest.raises(NotEnoughSeats):
        reserve(event)
    after = read()
    for sample, increase in ((sold, 1), (refused, 1), (timed[0], 2), (timed[1], 2)):
        assert value(after, sample) - value(before, sample) == increase, sample


def test_seats_are_reported_for_the_next_100_events(db: None) -> None:
    EventFactory.create(slug="over", starts_at=now() - timedelta(days=2))
    EventFactory.create(slug="later", starts_at=now() + timedelta(days=200))
    EventFactory.create_batch(99, starts_at=now() + timedelta(days=100))
    soon = EventFactory.create(slug="soon", starts_at=now() + timedelta(days=1))
    reserve(soon, seats=3)
    hold(soon, seats=2)
    text = read()
    assert value(text, 'ticketboss_event_available_seats{event="soon"}') == 5
    assert value(text, 'ticketboss_event_held_seats{event="soon"}') == 2
    assert value(text, 'ticketboss_event_total_seats{event="soon"}') == 10
    assert text.count("ticketboss_event_available_seats{") == 100
    assert 'event="over"' not in text
    assert 'event="later"' not in text
    assert value(text, "ticketboss_database_up") == 1


def test_jobs_are_counted_by_queue_and_status(transactional_db: None) -> None:
    clear_jobs()
    assert value(read(), 'ticketboss_jobs{queue="mail",status="todo"}') == 0
    book(EventFactory.create())
    text = read()
    assert value(text, 'ticketboss_jobs{queue="mail",status="todo"}') == 1
    assert value(text, 'ticketboss_jobs{queue="mail",status="failed"}') == 0
    clear_jobs()


def test_requests_are_counted_by_method_and_status(db: None, client: Client) -> None:
    sample = 'ticketboss_request_seconds_count{method="GET",status="200"}'
    before = value(read(), sample)
    client.get("/health")
    assert value(read(), sample) == before + 1
    client.generic("BREW", "/health")
    assert 'method="other"' in read()


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_metrics_sum_over_web_processes(migrated_home: Path) -> None:
    folder, bind = migrated_home.parent, f"127.0.0.1:{free_port()}"
    with ServerProcess(
        migrated_home, METRICS_BIND=bind, WEB_CONCURRENCY="2", TMPDIR=str(folder)
    ) as server:
        for _ in range(40):
            assert server.reserve().status == 201
        text = metrics(bind)
        sample = 'ticketboss_commands_total{command="Reserve",outcome="Reserved"}'
        assert value(text, sample) == 40
        # 8 for each web process that has handled a request so far
        assert value(text, "ticketboss_pool_max") in {8, 16}
        assert value(text, 'ticketboss_event_available_seats{event="node-meetup-2025"}') == 460
        assert len(list(folder.glob("ticketboss-metrics-*"))) == 1
        [master] = psutil.Process(server.process.pid).children()
        killed = master.children()[0]
        killed.kill()
        wait_until(lambda: len(set(master.children()) - {killed}) == 2)
        for _ in range(20):
            server.request("GET", "/reservations")
        text = metrics(bind)
        assert value(text, sample) == 40
        assert value(text, "ticketboss_pool_max") in {8, 16}
        [metrics_folder] = folder.glob("ticketboss-metrics-*")
        assert list(metrics_folder.glob("counter_*"))
        assert not list(metrics_folder.glob(f"gauge_*_{killed.pid}.db"))
        server.stop()
        assert not metrics_folder.exists()


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_checking_the_configuration_leaves_no_folder(folder: Path) -> None:
    bind = f"127.0.0.1:{free_port()}"
    subprocess.run(
        [
            *(sys.executable, "-m", "gunicorn", "--check-config"),
            *("--config", "ticketboss/serving/gunicorn.conf.py"),
        ],
        cwd=ROOT,
        env=environment(folder / "home", METRICS_BIND=bind, TMPDIR=str(folder)),
        check=True,
    )
    assert not list(folder.glob("ticketboss-metrics-*"))


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_existing_multiprocess_folder_is_left_alone(migrated_home: Path) -> None:
    bind = f"[::1]:{free_port()}"
    existing = migrated_home.parent / "existing"
    existing.mkdir()
    (existing / "notes").touch()
    with ServerProcess(migrated_home, METRICS_BIND=bind, PROMETHEUS_MULTIPROC_DIR=str(existing)):
        assert value(metrics(bind), "ticketboss_database_up") == 1
    assert (existing / "notes").exists()


@pytest.mark.parametrize(
    "sample",
    [
        'ticketboss_commands_total{command="Cancel",outcome="OutcomeUnknown"}',
        'ticketboss_commands_total{command="Reserve",outcome="Busy"}',
        'ticketboss_request_seconds_count{method="DELETE",status="500"}',
    ],
)
def test_samples_used_by_alerts_exist_from_the_start(db: None, sample: str) -> None:
    assert f"\n{sample} " in read()


def test_documented_metrics_exist(db: None, client: Client) -> None:
    reserve(EventFactory.create())
    client.get("/health")
    import_module("ticketboss.metrics.pool")  # imported by the app if METRICS_BIND is set
    document = (ROOT / "docs" / "operations.md").read_text()
    section = document.partition("\n## Monitor\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"ticketboss_\w+", section))
    text = read()
    assert named
    assert {name for name in named if name not in text} == set()
