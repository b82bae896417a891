"""What a Hydra launcher calls: one job, in whichever process or machine it is."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from karl.errors import BudgetExhausted, ExitCode, KarlError
from karl.llm.redact import redact
from karl.runs.loop import run_to_end
from karl.sweeps.opening import load_run
from karl.sweeps.outcome import Outcome
from karl.tracking import tracked, tracker_of

__all__ = ["SWEEP_PID", "THREADS", "carry_out", "finish_run", "is_alone"]

THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that bound the threads of numerical libraries."""

SWEEP_PID: Final = "KARL_SWEEP_PID"
"""Variable that holds the process id of the sweep."""

_FOR_EVER: Final = -1
# This launcher's processes are children of the sweep's own.
_WORKERS: Final = "joblib"
_LOOK_EVERY_S: Final = 1.0


def carry_out(job: DictConfig) -> None:
    """Carry out a job, composed from `conf/sweep.yaml`: the run that was made in a folder."""
    launcher = HydraConfig.get().runtime.choices.get("hydra/launcher", "basic")
    sweep = int(os.environ.get(SWEEP_PID, os.getpid()))
    if launcher == _WORKERS and os.getpid() != sweep:  # a single worker is the sweep itself
        _end_with(sweep)
    with _its_share_of_cores(launcher):
        finish_run(Path(job.run), None if job.config_dir is None else Path(job.config_dir))


def finish_run(folder: Path, config_dir: Path | None = None) -> None:
    """Bring a prepared run to its end and leave its outcome in its folder.

    No error is raised: other jobs go on. An interruption is none of the job's
    own and goes up.
    """
    # The process of a sweep that was killed may still be at work on it.
    run = replace(load_run(folder, config_dir=config_dir), patience_s=_FOR_EVER)
    outcome = Outcome.begun(run)
    outcome.write(run)
    try:
        tracker_of(run).check()
        run.prepare()
        with tracked(run) as observer:
            end = run_to_end(run, observer)
        outcome = replace(outcome, state="done", message=end.value)
    except BudgetExhausted as stop:
        outcome = replace(outcome, state="budget", message=redact(str(stop)))
    except Exception as error:
        told = str(error) if isinstance(error, KarlError) else f"{type(error).__name__}: {error}"
        outcome = replace(
            outcome, state="failed", message=redact(told), detail=redact(traceback.format_exc())
        )
    outcome.write(run)


def is_alone(launcher: str) -> bool:
    """Whether a Hydra launcher carries out one job at a time."""
    return launcher == "basic"


@cache
def _end_with(sweep: int) -> None:
    """Have this process end when its parent, the sweep, does: it would outlive it for minutes."""

    def watch() -> None:
        while os.getppid() == sweep:
            time.sleep(_LOOK_EVERY_S)
        os._exit(ExitCode.INTERRUPTED)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _its_share_of_cores(launcher: str) -> Iterator[None]:
    """Keep numerical libraries to one thread where jobs run beside each other.

    The variables do not reach libraries that are loaded already.
    """
    from threadpoolctl import threadpool_limits

    if is_alone(launcher) or any(os.environ.get(name, "1") != "1" for name in THREADS):
        yield
        return
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 1
    with threadpool_limits(limits=1):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)
