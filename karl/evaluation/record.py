"""The `metrics.jsonl` of a run: a line of scores for each round and evaluation set."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from karl.errors import DataError

__all__ = ["MetricsRow", "read_metrics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsRow:
    """The scores of one round on one evaluation set, such as ``"id"`` or ``"ood"``.

    Round 0 is the seed, trained on human labels alone. Labels (`n_llm`: accepted ones),
    training pairs, calls, tokens and US dollars are totals up to the round. For the
    scores see `karl.evaluation.metrics.Scores`, for the diversity, which may be NaN, in
    JSON null, `karl.evaluation.diversity`. `seconds`, the time the round took, is the
    same in every row of a round.
    """

    round: int
    eval_set: str
    fold: int | None
    seed: int
    sampler: str
    llm: str
    n_human: int
    n_llm: int
    n_train: int
    macro_f1: float
    accuracy: float
    precision_macro: float
    recall_macro: float
    f1_complementary: float
    f1_substitute: float
    f1_unrelated: float
    diversity: float
    llm_calls: int
    llm_tokens_in: int
    llm_tokens_out: int
    llm_cost_usd: float
    seconds: float

    def to_json(self) -> str:
        """Return the row as one line of JSON, without a line break.

        Keys stand in the order of the fields and floats in their shortest form
        that reads back exactly: equal rows give equal bytes.

        Raises
        ------
        ValueError
            If a number other than `diversity` is not finite.
        """
        # NumPy scalars, and integers in float fields, become what JSON shall hold.
        values = {
            name: None if getattr(self, name) is None else _TYPES[kind](getattr(self, name))
            for name, kind in _KINDS.items()
        }
        if math.isnan(self.diversity):
            values["diversity"] = None
        return json.dumps(values, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> MetricsRow:
        """Read a row from one line of JSON; fields it does not know are left out.

        Raises
        ------
        ValueError
            If the line is not a JSON object, or a field is missing or of
            another type; the message names the field.
        """
        values = json.loads(line)
        if not isinstance(values, dict):
            raise ValueError("not a JSON object")
        missing = [name for name in _KINDS if name not in values]
        if missing:
            raise ValueError(f"missing {', '.join(missing)}")
        if values["diversity"] is None:
            values["diversity"] = math.nan
        return cls(**{name: _checked(name, kind, values[name]) for name, kind in _KINDS.items()})


_TYPES: dict[str, type] = {"int": int, "int | None": int, "float": float, "str": str}
# Type of each field as its annotation has it, a key of `_TYPES`.
_KINDS: dict[str, str] = {field.name: str(field.type) for field in fields(MetricsRow)}


def _checked(name: str, kind: str, value: Any) -> Any:
    if kind == "int | None" and value is None:
        return None
    expected = int | float if kind == "float" else _TYPES[kind]
    if not isinstance(value, expected) or isinstance(value, bool):
        raise ValueError(f"{name} must be {kind}, got {value!r}")
    return _TYPES[kind](value)


def read_metrics(path: Path) -> list[MetricsRow]:
    """Read the `metrics.jsonl` of a run, in the order of the file, without its blank lines.

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
