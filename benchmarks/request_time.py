"""Measure where the CPU time of a reservation goes in a web process."""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from database import BenchmarkDatabase, production_settings, running
from load import Target, log, run_wrk
from rounds import FEW_CLIENTS, MANY_CLIENTS
from serving import ROOT, Cluster, environment, gunicorn

SECONDS = 10
_CREATED = 201


def main() -> None:
    """Print a table of microseconds per reservation, by part of the program."""
    with tempfile.TemporaryDirectory(prefix="ticketboss-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = Cluster(folder / "home")
        with running(cluster):
            columns = [measure(cluster, folder, clients) for clients in (FEW_CLIENTS, MANY_CLIENTS)]
    print(f"| part | {FEW_CLIENTS} clients | {MANY_CLIENTS} clients |\n|---|---|---|")
    for part, _ in columns[1].most_common():
        print(f"| {part} | {columns[0][part]:.0f} µs | {columns[1][part]:.0f} µs |")
    print(f"| sum | {columns[0].total():.0f} µs | {columns[1].total():.0f} µs |")


def measure(cluster: Cluster, folder: Path, clients: int) -> Counter[str]:
    """Sell one event to ``clients`` clients; return the CPU time per reservation by part."""
    home, samples = folder / "home", folder / f"samples-{clients}"
    samples.mkdir()
    settings = production_settings()
    variables = environment(home, settings | {"SAMPLES": str(samples), "PYTHONPATH": str(ROOT)})
    migrate = [sys.executable, "manage.py", "migrate", "-v", "0"]
    subprocess.run(migrate, cwd=ROOT, env=variables, check=True)
    with cluster.connect("ticketboss") as connection:
        slug = BenchmarkDatabase(connection, home, settings).open_event(f"{clients}-clients")
        with gunicorn(["--config", "sampled.conf.py"], folder, variables) as url:
            target = Target(f"{url}/reservations", "reserve", _CREATED, [slug])
            result = run_wrk(target, clients=clients, seconds=SECONDS)
    log(f"{clients} clients: {result}")
    seconds: Counter[str] = Counter()
    for file in samples.iterdir():
        seconds.update(json.loads(file.read_text()))
    return Counter({part: 1e6 * used / result.requests for part, used in seconds.items()})


if __name__ == "__main__":
    main()
