"""Kills processes that carry out one run each, at their 1st write, their 2nd, and so on.

    python kill_at_writes.py FOLDER FIRST STEP OVERRIDE...

Every write of karl's ends with a rename. Process n is killed right before it
renames for the n-th time; another one then resumes its run `FOLDER/n`. Where n
is larger than the number of writes a process finishes undisturbed, and that is
the end.

The processes are forks of this one, which has imported everything and done
nothing, so that they start at once.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import karl
from karl.cli.app import main


def import_everything() -> None:
    for module in pkgutil.walk_packages(karl.__path__, "karl."):
        importlib.import_module(module.name)
    for package in ("optuna", "sklearn.linear_model", "sklearn.model_selection"):
        importlib.import_module(package)


def exit_status(do: Callable[[], None]) -> int:
    """Do something in another process; return how it ended, as `subprocess` does."""
    process = os.fork()
    if process == 0:
        do()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def die_at_rename(number: int) -> None:
    rename, count = os.replace, 0

    def replace(*arguments: object, **options: object) -> None:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(*arguments, **options)

    os.replace = replace


def run(folder: Path, name: str, overrides: list[str]) -> None:
    os.environ["KARL_HOME"] = str(folder / f"home-{name}")
    sys.argv = ["karl", "run", *overrides, "--name", name, "--runs-dir", str(folder)]
    sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    main()


def killed_then_resumed(folder: Path, number: int, overrides: list[str]) -> bool:
    """Return whether a process lived long enough to be killed."""

    def mortal() -> None:
        die_at_rename(number)
        run(folder, str(number), overrides)

    status = exit_status(mortal)
    if status == 0:
        return False
    assert status == -signal.SIGKILL, f"write {number}: exit status {status}"
    status = exit_status(lambda: run(folder, str(number), overrides))
    assert status == 0, f"resumed after write {number}: exit status {status}"
    return True


if __name__ == "__main__":
    import_everything()
    number, step = int(sys.argv[2]), int(sys.argv[3])
    while killed_then_resumed(Path(sys.argv[1]), number, sys.argv[4:]):
        number += step
