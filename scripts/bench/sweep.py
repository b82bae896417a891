"""How long a sweep takes with one worker and with several, and its report.

Each part starts from nothing: empty folders for runs and for what runs share.
Without overrides it takes about four minutes on two cores.

    python scripts/bench/sweep.py [--workers 2] [OVERRIDES …]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

JOBS = ("sampler=random,margin", "split.fold=0,1", "seed=1,2", "budget.rounds=5")
OVERRIDES = ("experiment=paper", *JOBS)
KARL = (sys.executable, "-m", "karl")
NAME = "bench"


def seconds(arguments: list[str], folder: Path) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    subprocess.run(
        [*KARL, *arguments, "--runs-dir", str(folder / "runs")],
        env=os.environ | {"KARL_HOME": str(folder / "home")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("overrides", nargs="*", default=list(OVERRIDES))
    arguments = parser.parse_args()
    sweep = ["sweep", *arguments.overrides, "--name", NAME]
    launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={arguments.workers}"]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as several:
        alone = seconds(sweep, Path(one))
        together = seconds([*sweep, *launcher], Path(several))
        report = seconds(["report", NAME], Path(several))
    print(f"one worker:    {alone:7.1f} s")
    print(f"{arguments.workers} workers:     {together:7.1f} s, {together / alone:.0%} of it")
    print(f"karl report:   {report:7.1f} s")


if __name__ == "__main__":
    main()
