"""Whether who came first ends first when very many come at once: `python -m benchmarks.backlog`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.batch import SECRET, Served, Terms, World, create_restaurants, environment, process
from trunkline.client import Trunkline
from trunkline.client.models import AssignmentSummary

SHARES = (1 / 30, 1 / 6, 1 / 2, 1.0)
MOST_LATE = 0.25  # of the whole time, beyond one's share of it
ASKING = 16  # requests at once of those who come


def ended(served: Served, count: int) -> list[AssignmentSummary]:
    """All of them once they have ended, in the order in which they came."""
    asyncio.run(create_restaurants(served.url, count, ASKING, wait=False))
    with Trunkline(served.url, SECRET) as client:
        while next(iter(client.assignments(status="running")), None) is not None:
            time.sleep(0.5)
        return sorted(client.assignments(), key=lambda one: one.id)


def report(runs: list[AssignmentSummary], cpu: float) -> bool:
    """Whether each share of them had ended not much later than after its share of the time."""
    begin = runs[0].created_at
    ends = sorted((one.ended_at - begin).total_seconds() for one in runs if one.ended_at is not None)
    if {one.status for one in runs} != {"assigned"}:
        raise SystemExit(f"not every restaurant has its number: {sorted({one.status for one in runs})}")
    came = max((one.created_at - begin).total_seconds() for one in runs)
    print(f"{len(runs)} creations came within {came:.1f} s; own CPU {cpu / len(runs):.1f} ms each")
    good = True
    for share in SHARES:
        nth = max(int(len(runs) * share), 1)
        late = ends[nth - 1] / ends[-1] - share
        good = good and late <= MOST_LATE
        shown = "" if late <= MOST_LATE else "  TOO LATE"
        print(f"  {nth:>6} had ended after {ends[nth - 1]:8.1f} s, {late:5.2f} of the whole late{shown}")
    waits = sorted((one.ended_at - one.created_at).total_seconds() for one in runs[: len(runs) // 30] if one.ended_at)
    print(f"  the first {len(waits)} that came had their numbers after {waits[0]:.1f} to {waits[-1]:.1f} s")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restaurants", type=int, default=300)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds of every request to a provider")
    parser.add_argument("--at-once", type=int, default=10, help="requests at once to one provider")
    parser.add_argument("--database-url", help="a fresh one; an SQLite file by default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trunkline-backlog-") as temporary:
        folder = Path(temporary)
        with process(folder, "sandbox") as sandbox:
            World(sandbox.url, Terms(given.restaurants, 0, given.latency, given.at_once)).reset()
            url = given.database_url or f"sqlite:///{folder}/backlog.sqlite"
            with process(folder, "serve", **environment(sandbox.url, url, given.at_once)) as served:
                before = served.cpu()
                runs = ended(served, given.restaurants)
                good = report(runs, served.cpu() - before)
    sys.exit(not good)


if __name__ == "__main__":
    main()
