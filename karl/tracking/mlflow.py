"""Tracking by MLflow: one MLflow run for each run, found again when it is resumed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from karl.errors import BudgetExhausted, ConfigError, UsageError
from karl.llm.redact import redact
from karl.runs.directory import Run
from karl.runs.loop import End, Observer, Step, next_step
from karl.tracking.mlflow_store import TrackedRun, open_client, sqlite_file

__all__ = ["MLflow"]

_log = logging.getLogger(__name__)

_FILE = "mlflow.db"


def _without_password(uri: str) -> str:
    if urlsplit(uri).password is not None:
        raise ValueError(
            "a password would be stored with the run; put it into MLFLOW_TRACKING_PASSWORD"
        )
    return uri


@dataclass(frozen=True)
class MLflow:
    """Reports parameters, the metrics of each round, and artefacts to MLflow.

    Parameters
    ----------
    uri : str, optional
        Of a tracking server or a database; the SQLite file `mlflow.db` in the
        folder of runs if left out.
    experiment : str
        MLflow's experiment; made if there is none of that name.
    artefacts : bool
        Whether configuration, manifest, metrics and report are uploaded too.
    """

    uri: Annotated[str, Field(min_length=1), AfterValidator(_without_password)] | None = None
    experiment: str = Field(default="karl", min_length=1)
    artefacts: bool = True

    def check(self) -> None:
        """Look for the package, and for the server if one is named; see `Tracker.check`."""
        if find_spec("mlflow") is None:
            raise ConfigError(
                "tracking=mlflow: the package mlflow is not installed",
                hint="Install it, pip install 'karl[mlflow]', or leave out tracking=mlflow.",
            )
        if self.uri is None:
            return
        file = sqlite_file(self.uri)
        if file is not None:
            if not file.parent.is_dir():
                raise ConfigError(f"tracking.uri={self.uri}: there is no folder {file.parent}")
            return
        try:
            open_client(self.uri).search_experiments(max_results=1)
        except Exception as error:  # of the network, a database driver, or MLflow's own
            raise ConfigError(
                f"tracking.uri={self.uri}: {_first_line(error)}",
                hint="Is the server up and the URI right? tracking=none goes on without it; "
                "what is missing is filled in later.",
            ) from error

    @contextmanager
    def follow(self, run: Run) -> Iterator[Observer]:
        """Report the loop of a run; see `Tracker.follow`."""
        reporter = _Reporter(self, run)
        try:
            yield reporter
        except BaseException as error:
            reporter.close(error)
            raise
        reporter.close()


class _Reporter:
    """Reports one run, until something fails.

    MLflow's run is looked up, or made, when the first stage begins: the run is
    locked then, so that no other process makes a second one.
    """

    def __init__(self, tracker: MLflow, run: Run) -> None:
        uri = tracker.uri or f"sqlite:///{(run.runs / _FILE).resolve()}"
        self._run = run
        self._tracked = TrackedRun(run, uri, tracker.experiment)
        self._uploads = tracker.artefacts
        self._opened = self._failed = False

    def started(self, step: Step) -> None:
        """Open MLflow's run if it is not; see `Observer.started`."""
        if not self._opened:
            self._opened = True
            self._attempt(self._tracked.open)
            self._attempt(lambda: self._tracked.set_status("RUNNING"))

    def finished(self, step: Step) -> None:
        """Report the metrics of an evaluation; see `Observer.finished`."""
        if step.stage == "evaluate":
            self._attempt(self._tracked.fill_in_metrics)

    def close(self, error: BaseException | None = None) -> None:
        """Report what is still missing, and how the run ended."""
        stopped_cleanly = error is None or isinstance(error, BudgetExhausted)
        if not (self._opened or stopped_cleanly):
            return  # such as a stage that was not next: nothing was done
        try:
            with self._run.locked():
                self._attempt(lambda: self._close(error))
        except UsageError:
            return  # another process has taken the run over, and reports it

    def _close(self, error: BaseException | None) -> None:
        if not self._opened:
            self._tracked.open()
        self._tracked.fill_in_metrics()
        if self._uploads:
            self._tracked.upload()
        self._tracked.set_status(_status(self._run, error))

    def _attempt(self, report: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            report()
        except Exception as error:  # whatever it is, the run's results are on disk
            self._failed = True
            _log.warning(
                "karl: the run goes on, but MLflow is told nothing more of it: %s\n"
                "The same command fills in later what is missing there.",
                redact(_first_line(error)),
            )


def _status(run: Run, error: BaseException | None) -> str:
    """Return MLflow's word for the state of a run that is no longer worked on."""
    if isinstance(error, Exception) and not isinstance(error, BudgetExhausted):
        return "FAILED"
    if error is None and next_step(run) in (End.ROUNDS, End.POOL):
        return "FINISHED"
    return "KILLED"  # interrupted, out of budget, or between two stages: it can go on


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
