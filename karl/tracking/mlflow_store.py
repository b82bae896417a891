"""MLflow's run of one run: what it holds already, and what is added.

Everything can be done again: what MLflow has is read first, and only what is
missing is added. MLflow itself is imported when the first client is opened.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any

from filelock import FileLock

from karl.config.compose import GROUPS_KEY, flatten
from karl.evaluation.record import MetricsRow
from karl.files import hash_json
from karl.llm.redact import redactor
from karl.runs.directory import Run
from karl.runs.loop import metrics_rows

__all__ = ["TrackedRun", "metrics_of", "open_client", "parameters_of", "sqlite_file"]

_TAG = "karl.run"
_ARTEFACTS = "mlflow-artefacts"

# No network but the server that was named, no chatter, and no minutes of waiting for a server
# that is down. Whoever has set one of these keeps it.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}

_OF_THE_RUN = ("round", "eval_set", "fold", "seed", "sampler", "llm")
_OF_THE_ROUND = (
    *("n_human", "n_llm", "n_train", "diversity"),
    *("llm_calls", "llm_tokens_in", "llm_tokens_out", "llm_cost_usd", "seconds"),
)
_SCORES = tuple(
    field.name for field in fields(MetricsRow) if field.name not in (*_OF_THE_RUN, *_OF_THE_ROUND)
)


def open_client(uri: str) -> Any:
    """Return an `MlflowClient`, quiet and without telemetry."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    # Again, in case something else has imported it before.
    logging.getLogger("mlflow").setLevel(os.environ["MLFLOW_LOGGING_LEVEL"])
    with _alone(uri):
        return MlflowClient(tracking_uri=uri)


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite store; None if it is a server or another database."""
    file = uri.removeprefix("sqlite:///")
    return None if file == uri else Path(file).resolve()


def _alone(uri: str) -> AbstractContextManager[object]:
    """Keep processes that start together from making the tables of a SQLite file at once."""
    file = sqlite_file(uri)
    if file is None:
        return nullcontext()
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(file.with_name(f".{file.name}.lock"))


def parameters_of(config: dict[str, Any], longest: int) -> dict[str, str]:
    """Return a run's configuration by dotted key; what has more characters is cut.

    The group `tracking` is left out: it is no part of an experiment.
    """
    hide = redactor()
    texts = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in flatten(config).items()
        if not key.startswith("tracking.") and key != f"{GROUPS_KEY}.tracking"
    }
    return {key: hide(text)[:longest] for key, text in texts.items()}


def metrics_of(row: MetricsRow) -> dict[str, float]:
    """Return the metrics of a row: scores by evaluation set, such as `id_macro_f1`, and costs.

    What is undefined (NaN) is left out.
    """
    scores = {f"{row.eval_set}_{name}": getattr(row, name) for name in _SCORES}
    values = scores | {name: getattr(row, name) for name in _OF_THE_ROUND}
    return {name: float(value) for name, value in values.items() if not math.isnan(value)}


class TrackedRun:
    """What MLflow, at a URI and in one of its experiments, knows of a prepared run."""

    def __init__(self, run: Run, uri: str, experiment: str) -> None:
        self._run, self._uri, self._experiment = run, uri, experiment
        self._client: Any = None
        self._id = ""
        self._logged: set[tuple[str, int]] = set()

    def open(self) -> None:
        """Find MLflow's run, or make it, and add what it lacks."""
        self._client = open_client(self._uri)
        experiment, tag = self._experiment_id(), self._tag()
        found = self._client.search_runs([experiment], f"tags.`{_TAG}` = '{tag}'", max_results=1)
        mlflows = (
            found[0]
            if found
            else self._client.create_run(experiment, tags={_TAG: tag}, run_name=self._run.name)
        )
        self._id = mlflows.info.run_id
        for name in mlflows.data.metrics:
            history = self._client.get_metric_history(self._id, name)
            self._logged |= {(name, metric.step) for metric in history}
        self._fill_in_parameters(mlflows.data.params, mlflows.data.tags)
        self.fill_in_metrics()

    def fill_in_metrics(self) -> None:
        """Add the metrics of all evaluated rounds that are missing."""
        from mlflow.entities import Metric
        from mlflow.utils.validation import MAX_METRICS_PER_BATCH

        now = int(time.time() * 1000)
        missing = {
            (name, row.round): value
            for row in metrics_rows(self._run)
            for name, value in metrics_of(row).items()
            if (name, row.round) not in self._logged
        }
        metrics = [Metric(name, value, now, step) for (name, step), value in missing.items()]
        for batch in _batches(metrics, MAX_METRICS_PER_BATCH):
            self._client.log_batch(self._id, metrics=batch)
        self._logged |= missing.keys()

    def upload(self) -> None:
        """Upload configuration, manifest, metrics and, if there is one, the report."""
        folder = self._run.folder
        for name in ("config.yaml", "manifest.json", "metrics.jsonl"):
            self._client.log_artifact(self._id, str(folder / name))
        if (folder / "report").is_dir():
            self._client.log_artifacts(self._id, str(folder / "report"), "report")

    def set_status(self, status: str) -> None:
        """Set the status, if it is another; all but RUNNING set the time of the end too."""
        if self._client.get_run(self._id).info.status == status:
            return
        if status == "RUNNING":
            self._client.update_run(self._id, status=status)
        else:
            self._client.set_terminated(self._id, status)

    def _tag(self) -> str:
        """Return what tells the run from others, if they are of the same name too."""
        manifest = self._run.manifest
        made_from = hash_json([manifest.config_sha256, manifest.data_sha256])
        return f"{self._run.name} {made_from[:16]}"

    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self._experiment)
        if found is None:
            try:
                made = self._client.create_experiment(
                    self._experiment, artifact_location=_artefact_location(self._uri)
                )
                return str(made)
            except MlflowException:  # another process may have made it meanwhile
                found = self._client.get_experiment_by_name(self._experiment)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _fill_in_parameters(self, stored: dict[str, str], tags: dict[str, str]) -> None:
        from mlflow.entities import Param, RunTag
        from mlflow.utils.validation import MAX_PARAM_VAL_LENGTH, MAX_PARAMS_TAGS_PER_BATCH

        values = parameters_of(self._run.config, MAX_PARAM_VAL_LENGTH)
        missing = [Param(key, value) for key, value in values.items() if key not in stored]
        for params in _batches(missing, MAX_PARAMS_TAGS_PER_BATCH):
            self._client.log_batch(self._id, params=params)
        # MLflow does not let a parameter change: a limit that was raised becomes a tag.
        changed = [
            RunTag(key, value)
            for key, value in values.items()
            if tags.get(key, stored.get(key, value)) != value
        ]
        for changes in _batches(changed, MAX_PARAMS_TAGS_PER_BATCH):
            self._client.log_batch(self._id, tags=changes)


def _artefact_location(uri: str) -> str | None:
    """Return a folder beside a SQLite file; a server has its own place for artefacts.

    Without one, MLflow would put them into the current folder.
    """
    file = sqlite_file(uri)
    return None if file is None else file.with_name(_ARTEFACTS).as_uri()


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
