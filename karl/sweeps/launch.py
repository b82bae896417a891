"""Handing jobs to a Hydra launcher, and what it calls for each, in whichever process or machine."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig

from karl.config.compose import config_folder, search_path
from karl.errors import BudgetExhausted, ConfigError, ExitCode, KarlError
from karl.llm.redact import redact
from karl.runs.loop import run_to_end
from karl.sweeps.directory import Outcome
from karl.sweeps.opening import load_run
from karl.tracking import tracked, tracker_of

__all__ = ["THREADS", "LauncherError", "check_launcher", "finish_run", "launch"]

THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that bound the threads of numerical libraries."""

# Variable that holds the process id of the sweep.
_SWEEP_PID: Final = "KARL_SWEEP_PID"
_CONFIG: Final = "sweep"
_GROUP: Final = "hydra/launcher="
_ALONE: Final = "basic"  # carries out one job at a time
_WORKERS: Final = "joblib"  # its processes are children of the sweep's own
_EXTRAS: Final = {
    "joblib": "joblib",
    "submitit_local": "submitit",
    "submitit_slurm": "submitit",
    "ray": "ray",
}
_FOR_EVER: Final = -1
_LOOK_EVERY_S: Final = 1.0


class LauncherError(KarlError):
    """A launcher that gave up, such as for a worker that was killed."""


def launch(
    folders: Sequence[Path], sweep: Path, of_hydra: Sequence[str], config_dir: Path | None
) -> None:
    """Have runs carried out by a Hydra launcher; returns when all have ended.

    Parameters
    ----------
    folders : sequence of Path
        Of runs that are prepared, at least one.
    sweep : Path
        Hydra's own files of the sweep go there.
    of_hydra : sequence of str
        Overrides of Hydra itself, such as `hydra/launcher=joblib`.

    Raises
    ------
    LauncherError
        If the launcher itself fails, not one of the runs.
    """
    overrides = [
        f"hydra.sweep.dir={_quoted(sweep)}",
        *search_path(config_dir),
        *of_hydra,
        f"run={','.join(map(_quoted, folders))}",
        f"config_dir={'null' if config_dir is None else _quoted(config_dir)}",
    ]
    with _hydra(), _environment(_launcher(of_hydra)):
        try:
            GlobalHydra.instance().hydra.multirun(_CONFIG, _carry_out, overrides)  # type: ignore[union-attr]
        except (KarlError, HydraException):
            raise
        except Exception as error:
            told = f"the launcher gave up: {type(error).__name__}: {error}"
            raise LauncherError(told) from error


def check_launcher(of_hydra: Sequence[str], config_dir: Path | None = None) -> None:
    """Make sure that there is the launcher, and what else overrides of Hydra itself name."""
    overrides = ["run=none", "hydra.mode=MULTIRUN", *search_path(config_dir), *of_hydra]
    with _hydra():
        try:
            compose(_CONFIG, overrides, return_hydra_config=True)
        except MissingConfigException as error:
            if "launcher" not in str(error.missing_cfg_file):
                raise
            name = _launcher(of_hydra)
            extra = _EXTRAS.get(name)
            raise ConfigError(
                f"hydra/launcher={name}: there is no such launcher",
                hint=f"Choose one of: {', '.join([_ALONE, *_EXTRAS])}."
                if extra is None
                else f"Its package is missing: pip install 'karl[{extra}]'",
            ) from error


@contextmanager
def _hydra() -> Iterator[None]:
    """Prepare Hydra to compose what a job is given."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3", job_name="karl"):
        try:
            yield
        except HydraException as error:
            told = str(error)
            raise ConfigError(
                # What follows lists the places that were searched.
                told.partition("\n")[0] if isinstance(error, MissingConfigException) else told,
                hint="See the overrides that begin with hydra, and Hydra's documentation.",
            ) from error


def _quoted(path: Path) -> str:
    return "'" + str(path.resolve()).replace("'", "\\'") + "'"


def _launcher(of_hydra: Sequence[str]) -> str:
    chosen = [item.removeprefix(_GROUP) for item in of_hydra if item.startswith(_GROUP)]
    return chosen[-1] if chosen else _ALONE


@contextmanager
def _environment(launcher: str) -> Iterator[None]:
    """Tell processes of jobs whose they are; beside each other they keep to one thread each.

    Whatever is set already stays.
    """
    wanted = {} if launcher == _ALONE else dict.fromkeys(THREADS, "1")
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    added[_SWEEP_PID] = str(os.getpid())
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _carry_out(job: DictConfig) -> None:
    """Carry out a job, composed from `conf/sweep.yaml`: the run that was made in a folder."""
    launcher = HydraConfig.get().runtime.choices.get("hydra/launcher", _ALONE)
    sweep = int(os.environ.get(_SWEEP_PID, os.getpid()))
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

    if launcher == _ALONE or any(os.environ.get(name, "1") != "1" for name in THREADS):
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
