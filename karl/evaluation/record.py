"""One line of ``metrics.jsonl``: the scores of a round on one evaluation set."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["MetricsRow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsRow:
    """The scores of one round on one evaluation set.

    Attributes
    ----------
    round : int
        0 for the seed, trained on human labels alone.
    eval_set : str
        ``"id"``, ``"ood"`` or another name.
    fold : int or None
        Fold of the split, if there are folds.
    seed : int
        Seed of the run.
    sampler, llm : str
        Names of the sampling strategy and of the annotating model.
    n_human, n_llm, n_train : int
        Human labels, accepted LLM labels and training pairs up to this round.
    macro_f1, accuracy, precision_macro, recall_macro : float
        See `karl.evaluation.metrics.Scores`; in [0, 1].
    f1_complementary, f1_substitute, f1_unrelated : float
        F1 score of each class, in [0, 1].
    diversity : float
        See `karl.evaluation.diversity`; NaN, in JSON null, if undefined.
    llm_calls, llm_tokens_in, llm_tokens_out : int
        Calls and tokens up to this round.
    llm_cost_usd : float
        Cost up to this round, in US dollars.
    seconds : float
        Time the round took; the same in every row of a round.
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
        values = {name: _plain(kind, getattr(self, name)) for name, kind in _KINDS.items()}
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


# Type of each field as its annotation has it: "int", "float", "str" or "int | None".
_KINDS: dict[str, str] = {field.name: str(field.type) for field in fields(MetricsRow)}


def _plain(kind: str, value: Any) -> Any:
    """Turn NumPy scalars, and integers in float fields, into what JSON shall hold."""
    if kind == "float":
        return float(value)
    if kind == "str" or value is None:
        return value
    return int(value)


def _checked(name: str, kind: str, value: Any) -> Any:
    if kind == "int | None" and value is None:
        return None
    expected = {"float": int | float, "str": str}.get(kind, int)
    if not isinstance(value, expected) or isinstance(value, bool):
        raise ValueError(f"{name} must be {kind}, got {value!r}")
    return float(value) if kind == "float" else value
