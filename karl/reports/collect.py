"""Reading the runs that a report is about."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import yaml

from karl.config.build import build_strategy
from karl.datasets import DatasetSource
from karl.datasets.catalogue import ITEM_ID, TITLE
from karl.errors import ConfigError, KarlError, UsageError
from karl.evaluation.agreement import fleiss_kappa
from karl.evaluation.record import MetricsRow, read_metrics
from karl.files import read_json
from karl.labels import N_LABELS, RELATION_NAMES
from karl.reports.study import Study
from karl.runs.directory import Run
from karl.stages.kinds import ACCEPTED, EVALUATION, PREDICTIONS, QUALITY, SEED_ROUND, VOTES, Kind
from karl.sweeps.arms import arm_labels
from karl.sweeps.directory import Sweep
from karl.sweeps.opening import is_sweep, load_run

__all__ = ["collect", "read_run"]

_LABELS: Final = {
    "arm": pl.String,
    "run": pl.String,
    "fold": pl.Int64,
    "seed": pl.Int64,
    **dict.fromkeys(("round", "asked", "accepted", *RELATION_NAMES), pl.Int64),
    "kappa": pl.Float64,
}
_MISTAKES: Final = {
    **dict.fromkeys(("arm", "eval_set", "title_1", "title_2", "truth", "predicted"), pl.String),
    **dict.fromkeys(("wrong", "confidence"), pl.Float64),
}
_MOST_MISTAKES: Final = 20
_PAIR: Final = ["arm", "eval_set", "item_id_1", "item_id_2", "truth"]


@dataclass(frozen=True, eq=False)
class _Member:
    """A run of a study."""

    run: Run
    arm: str
    rows: list[MetricsRow]

    @property
    def last(self) -> int:
        return max(row.round for row in self.rows)

    @property
    def head(self) -> dict[str, Any]:
        return {"arm": self.arm, "run": self.run.name}


def collect(folders: Sequence[Path], config_dir: Path | None = None) -> Study:
    """Read runs and sweeps as one study.

    Parameters
    ----------
    folders : sequence of Path
        Of runs and of sweeps. Runs of a sweep that failed or have not ended are
        left out, with a note.
    config_dir : Path, optional
        With groups of the user's own: data sources, which know the items' titles.

    Raises
    ------
    UsageError
        If there is no run with results, or no such run or sweep.
    """
    notes: list[str] = []
    runs = [run for folder in folders for run in _runs(folder, notes)]
    if not runs:
        raise UsageError("none of the runs has results yet", hint="\n".join(notes) or None)
    labels = arm_labels([run.config for run in runs])
    members = [
        _Member(run, arm, read_metrics(run.metrics_file))
        for run, arm in zip(runs, labels, strict=True)
    ]
    first = runs[0]
    return Study(
        title=", ".join(folder.name for folder in folders),
        arms=tuple(dict.fromkeys(labels)),
        metrics=pl.concat([_metrics(member) for member in members]),
        labels=pl.concat([_labels(member) for member in members]),
        confusion=pl.concat([_confusion(member) for member in members]),
        mistakes=_find_mistakes(members, _source(first, config_dir)),
        quality=_quality(members),
        config=yaml.safe_dump(first.config, sort_keys=False, allow_unicode=True),
        manifest=read_json(first.folder / "manifest.json"),
        notes=tuple(notes),
    )


def read_run(run: Run) -> Study:
    """Read the metrics of one run alone, which is quick, as a study.

    It has no rows if the run has not been evaluated yet.
    """
    rows = read_metrics(run.metrics_file) if run.metrics_file.exists() else []
    if not rows:
        return Study(run.name, (), pl.DataFrame(schema=["run"]))
    member = _Member(run, rows[0].sampler, rows)
    return Study(run.name, (member.arm,), _metrics(member))


def _source(run: Run, config_dir: Path | None) -> DatasetSource | None:
    """Return the data of a run, the only strategy that a report has made, for items' titles."""
    try:
        source: DatasetSource = build_strategy("data", run.config["data"], config_dir)
    except ConfigError:  # of a folder that was not given; the figures are none the worse
        return None
    return source


def _runs(folder: Path, notes: list[str]) -> list[Run]:
    """Return the runs in a folder that have results; tell of the others."""
    if not is_sweep(folder):
        return _with_results(folder, notes)
    found = []
    for job in Sweep.load(folder).status():
        why = job.outcome.message.partition("\n")[0] or "not at its end"
        # It may have been finished by itself, as a run.
        if job.outcome.state in ("done", "budget") or job.rounds_done >= job.rounds:
            found += _with_results(folder / job.name, notes)
            if job.outcome.state == "budget":
                where = f"{folder.name}/{job.name} stopped after round {job.rounds_done - 1}"
                notes.append(f"{where}: {why}; strategies are compared up to there.")
        else:
            notes.append(f"{folder.name}/{job.name} is left out: {job.outcome.state}, {why}.")
    return found


def _with_results(folder: Path, notes: list[str]) -> list[Run]:
    run = load_run(folder)
    if run.metrics_file.exists() and read_metrics(run.metrics_file):
        return [run]
    notes.append(f"{run.name} is left out: it has not been evaluated yet.")
    return []


def _metrics(member: _Member) -> pl.DataFrame:
    frame = pl.DataFrame([asdict(row) for row in member.rows], schema_overrides={"fold": pl.Int64})
    return frame.with_columns(**{key: pl.lit(value) for key, value in member.head.items()})


def _labels(member: _Member) -> pl.DataFrame:
    """Count what was asked and accepted in each round."""
    votes = _by_round(member, VOTES)
    accepted = _by_round(member, ACCEPTED)
    first = member.rows[0]
    rows = []
    for number, asked in votes.items():
        relations = _of_round(accepted[number], number)["relation"]
        codes = asked.select(pl.col("^vote_.*$").cast(pl.Int8)).to_numpy()
        rows.append(
            {**member.head, "fold": first.fold, "seed": first.seed, "round": number}
            | {"asked": len(codes), "accepted": len(relations)}
            | {name: int((relations == name).sum()) for name in RELATION_NAMES}
            | {"kappa": fleiss_kappa(codes - np.int8(1), N_LABELS)}
        )
    return pl.DataFrame(rows, schema=_LABELS)


def _of_round(table: pl.DataFrame, number: int) -> pl.DataFrame:
    """Return the accepted pairs that one round asked; files of karl 0.1.0 hold no others."""
    return table.filter(pl.col("round") == str(number)) if "round" in table.columns else table


def _by_round(member: _Member, kind: Kind[Any]) -> dict[int, pl.DataFrame]:
    """Read a table of every round, in one go: each reading has its price."""
    files = {n: kind.path(member.run.folder, n) for n in range(1, member.last + 1)}
    if not files:
        return {}
    table = pl.read_csv(list(files.values()), infer_schema=False, include_file_paths="file")
    return {number: table.filter(pl.col("file") == str(file)) for number, file in files.items()}


def _confusion(member: _Member) -> pl.DataFrame:
    rows = []
    for number in sorted({SEED_ROUND, member.last}):
        evaluation = read_json(EVALUATION.path(member.run.folder, number))
        for eval_set, scores in evaluation["scores"].items():
            head = {**member.head, "eval_set": eval_set, "round": number}
            for truth, counts in zip(RELATION_NAMES, scores["confusion"], strict=True):
                rows += [
                    {**head, "truth": truth, "predicted": predicted, "count": count}
                    for predicted, count in zip(RELATION_NAMES, counts, strict=True)
                ]
    return pl.DataFrame(rows)


def _quality(members: Sequence[_Member]) -> dict[str, Any]:
    """Return the quality of labels where it was measured, of the first such run of each arm."""
    found: dict[str, Any] = {}
    for member in members:
        file = QUALITY.path(member.run.folder)
        if member.arm not in found and file.exists():
            found[member.arm] = read_json(file)
    return found


def _find_mistakes(members: Sequence[_Member], source: DatasetSource | None) -> pl.DataFrame:
    """Return some pairs of each arm and evaluation set that most runs got wrong."""
    paths = [(member.arm, PREDICTIONS.path(member.run.folder, member.last)) for member in members]
    tables = [
        pl.read_parquet(path).with_columns(arm=pl.lit(arm))
        for arm, path in paths
        if path.exists()  # runs of earlier releases have none
    ]
    if not tables:
        return pl.DataFrame(schema=_MISTAKES)
    # Runs of karl 0.1.0 have probabilities in single precision.
    everything = pl.concat(tables, how="vertical_relaxed").with_columns(
        predicted=pl.concat_list(RELATION_NAMES)
        .list.arg_max()
        .replace_strict(dict(enumerate(RELATION_NAMES)), return_dtype=pl.String),
        confidence=pl.concat_list(RELATION_NAMES).list.max(),
    )
    wrong = pl.col("predicted") != pl.col("truth")
    pairs = (
        everything.group_by(_PAIR)
        .agg(
            wrong=wrong.mean(),
            predicted=pl.col("predicted").filter(wrong).mode().sort().first(),
            confidence=pl.col("confidence").filter(wrong).mean().cast(pl.Float64),
        )
        .filter(pl.col("wrong") > 0.5)
        .sort("wrong", "confidence", *_PAIR, descending=[True, True, *[False] * len(_PAIR)])
    )
    worst = pairs.group_by("arm", "eval_set", maintain_order=True).head(_MOST_MISTAKES)
    return _with_titles(worst, source).select(list(_MISTAKES))


def _with_titles(pairs: pl.DataFrame, source: DatasetSource | None) -> pl.DataFrame:
    titles: dict[str, str] = {}
    if source is not None:
        # If the data have gone, the figures are none the worse.
        with suppress(KarlError):
            titles = dict(source.load().catalogue.table.select(ITEM_ID, TITLE).iter_rows())
    # Runs on other data have items that are not in this catalogue.
    return pairs.with_columns(
        pl.col(f"item_id_{k}").replace(titles).alias(f"title_{k}") for k in (1, 2)
    )
