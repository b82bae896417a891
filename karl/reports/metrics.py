"""Reading the `metrics.jsonl` of a run."""

from __future__ import annotations

from pathlib import Path

from karl.errors import DataError
from karl.evaluation.record import MetricsRow

__all__ = ["read_metrics"]


def read_metrics(path: Path) -> list[MetricsRow]:
    """Read the `metrics.jsonl` of a run, in the order of the file.

    Parameters
    ----------
    path : Path
        A file with one JSON object a line; blank lines are passed over.

    Raises
    ------
    DataError
        If there is no such file, a line cannot be read, a round stands twice for
        one evaluation set, or a set lacks round 0. The error names the file and
        the row.
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
    for eval_set in dict.fromkeys(row.eval_set for row in rows):
        if (0, eval_set) not in seen:
            raise DataError(f"the metrics of '{eval_set}' lack round 0, the seed", file=path)
    return rows


def _lines(path: Path) -> list[str]:
    try:
        # Not splitlines(): it would also break at characters that JSON allows in a string.
        return path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError as error:
        hint = "The run has no evaluated round yet: `karl run` writes one after each round."
        raise DataError("no such file", file=path, hint=hint) from error
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text", file=path) from error
