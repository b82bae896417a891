"""Reading ``metrics.jsonl`` and grouping it into learning curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from karl.errors import DataError
from karl.evaluation.record import MetricsRow

__all__ = ["LearningCurve", "describe_run", "learning_curves", "read_metrics", "rounds", "set_name"]

_FIRST_SETS = ("id", "ood")


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """The rows of one evaluation set by rising round, from the seed on.

    Attributes
    ----------
    eval_set : str
        Name of the evaluation set.
    rows : tuple of MetricsRow
        At least the row of round 0.
    """

    eval_set: str
    rows: tuple[MetricsRow, ...]

    @property
    def name(self) -> str:
        """The evaluation set as it is shown."""
        return set_name(self.eval_set)

    @property
    def seed(self) -> MetricsRow:
        """Round 0, which every gain is measured from."""
        return self.rows[0]

    @property
    def last(self) -> MetricsRow:
        """The latest round."""
        return self.rows[-1]

    @property
    def best(self) -> MetricsRow:
        """The round with the highest macro-F1; the earliest of equals."""
        return max(self.rows, key=lambda row: row.macro_f1)

    def gain(self, row: MetricsRow) -> float | None:
        """Return the relative gain in macro-F1 over the seed (0.1 is 10 %).

        None if the seed's macro-F1 is 0, which nothing is relative to.
        """
        start = self.seed.macro_f1
        return row.macro_f1 / start - 1.0 if start > 0 else None


def set_name(eval_set: str) -> str:
    """Name an evaluation set as it is shown: ``ID``, ``OOD``, others as they are."""
    return eval_set.upper() if eval_set in _FIRST_SETS else eval_set


def read_metrics(path: Path) -> list[MetricsRow]:
    """Read the ``metrics.jsonl`` of a run.

    Parameters
    ----------
    path : Path
        A file with one JSON object a line; blank lines are passed over.

    Returns
    -------
    list of MetricsRow
        In the order of the file.

    Raises
    ------
    DataError
        If there is no such file, a line cannot be read, or a round stands
        twice for one evaluation set. The error names the file and the row.
    """
    rows: list[MetricsRow] = []
    seen: set[tuple[int, str]] = set()
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = MetricsRow.from_json(line)
        except ValueError as error:
            raise DataError(f"not a metrics row: {error}", file=path, row=number) from error
        if (row.round, row.eval_set) in seen:
            message = f"round {row.round} of '{row.eval_set}' stands in the file twice"
            raise DataError(message, file=path, row=number)
        seen.add((row.round, row.eval_set))
        rows.append(row)
    return rows


def learning_curves(rows: Iterable[MetricsRow]) -> list[LearningCurve]:
    """Group the rows of one run into a learning curve per evaluation set.

    Parameters
    ----------
    rows : iterable of MetricsRow
        In any order.

    Returns
    -------
    list of LearningCurve
        ID, then OOD, then other sets in the order in which they come.

    Raises
    ------
    DataError
        If a set has no round 0.
    """
    by_set: dict[str, list[MetricsRow]] = {name: [] for name in _FIRST_SETS}
    for row in rows:
        by_set.setdefault(row.eval_set, []).append(row)
    return [_curve(name, members) for name, members in by_set.items() if members]


def rounds(curves: Sequence[LearningCurve]) -> list[MetricsRow]:
    """Return one row for each round, for what does not depend on the evaluation set.

    These are the labels, the calls, the cost, the diversity and the seconds.

    Parameters
    ----------
    curves : sequence of LearningCurve
        The curves of one run.

    Returns
    -------
    list of MetricsRow
        By rising round.
    """
    first: dict[int, MetricsRow] = {}
    for curve in curves:
        for row in curve.rows:
            first.setdefault(row.round, row)
    return [first[number] for number in sorted(first)]


def describe_run(row: MetricsRow) -> str:
    """Name the run a row belongs to: its sampler, LLM, fold (if any) and seed."""
    fold = [] if row.fold is None else [f"fold {row.fold}"]
    return ", ".join([f"{row.sampler} sampling", row.llm, *fold, f"seed {row.seed}"])


def _lines(path: Path) -> list[str]:
    try:
        # Not splitlines(): it would also break at characters that JSON allows in a string.
        return path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError as error:
        hint = "The run has no evaluated round yet: `karl run` writes one after each round."
        raise DataError("no such file", file=path, hint=hint) from error
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text", file=path) from error


def _curve(eval_set: str, rows: list[MetricsRow]) -> LearningCurve:
    ordered = sorted(rows, key=lambda row: row.round)
    if ordered[0].round != 0:
        raise DataError(f"the metrics of '{eval_set}' lack round 0, the seed")
    return LearningCurve(eval_set, tuple(ordered))
