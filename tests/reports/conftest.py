from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from karl.evaluation.record import MetricsRow

SEED = MetricsRow(
    round=0,
    eval_set="ood",
    fold=2,
    seed=7,
    sampler="margin",
    llm="gpt-4o-mini",
    n_human=2100,
    n_llm=0,
    n_train=2100,
    macro_f1=0.44,
    accuracy=0.5,
    precision_macro=0.45,
    recall_macro=0.46,
    f1_complementary=0.4,
    f1_substitute=0.5,
    f1_unrelated=0.42,
    diversity=0.7,
    llm_calls=0,
    llm_tokens_in=0,
    llm_tokens_out=0,
    llm_cost_usd=0.0,
    seconds=3.5,
)

MakeRows = Callable[..., list[MetricsRow]]


@pytest.fixture
def make_rows() -> MakeRows:
    """Rows of a run from the macro-F1 scores of each evaluation set by round."""

    def make(**scores: list[float]) -> list[MetricsRow]:
        return [
            replace(
                SEED,
                round=number,
                eval_set=eval_set,
                macro_f1=value,
                diversity=0.7 + 0.01 * number,
                n_llm=1120 * number,
                n_train=2100 + 1120 * number,
                llm_calls=11040 * number,
                llm_cost_usd=0.25 * number,
                seconds=3.5 + 120 * number,
            )
            for eval_set, values in scores.items()
            for number, value in enumerate(values)
        ]

    return make
