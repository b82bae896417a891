"""Made-up studies of a plausible shape, for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import product
from typing import Any

import numpy as np
import polars as pl

from karl.evaluation.record import MetricsRow
from karl.reports.study import Study

RELATIONS = ("complementary", "substitute", "unrelated")

Score = Callable[[str, int | None, int, str, int], float]
"""Macro-F1 by arm, fold, seed, evaluation set and round."""

_FRESH = MetricsRow(
    round=0,
    eval_set="id",
    fold=None,
    seed=0,
    sampler="random",
    llm="gpt-4o-mini",
    n_human=300,
    n_llm=0,
    n_train=300,
    macro_f1=0.0,
    accuracy=0.0,
    precision_macro=0.0,
    recall_macro=0.0,
    f1_complementary=0.0,
    f1_substitute=0.0,
    f1_unrelated=0.0,
    diversity=0.8,
    llm_calls=0,
    llm_tokens_in=0,
    llm_tokens_out=0,
    llm_cost_usd=0.0,
    seconds=2.0,
)
_ASKED = 50  # pairs a round
_TITLES = (
    ("Coffee filter 100 pieces", "Coffee maker <compact>"),
    ("Ball pen, black", "Ball pen | blue"),
    ("Garden hose 20 m", "Desk lamp"),
)


def make_study(
    arms: Sequence[str] = ("random", "margin"),
    folds: Sequence[int | None] = (0, 1, 2),
    seeds: Sequence[int] = (0, 1),
    rounds: int = 4,
    eval_sets: Sequence[str] = ("id", "ood"),
    score: Score | None = None,
) -> Study:
    """Make a study with every frame filled; equal arguments give equal studies.

    Parameters
    ----------
    arms : sequence of str
        Strategies; later ones learn faster.
    folds, seeds : sequence of int
        Every arm has a run of each fold and seed; a fold of None is a split without folds.
    rounds : int
        The last round of every run; round 0 is the seed, which all arms of a fold and seed share.
    eval_sets : sequence of str
        `id` falls a little by round, every other set rises.
    score : callable, optional
        Macro-F1 by arm, fold, seed, evaluation set and round, instead of the made-up ones.
    """
    runs = list(product(arms, folds, seeds))
    score = score or _plausible(tuple(arms))
    metrics = [
        _metrics(run, eval_set, number, score)
        for run in runs
        for eval_set in eval_sets
        for number in range(rounds + 1)
    ]
    labels = [_labels(run, number) for run in runs for number in range(1, rounds + 1)]
    ends = sorted({0, rounds})
    confusion = [row for run in runs for s in eval_sets for n in ends for row in _cells(run, s, n)]
    return Study(
        title="study of sampling",
        arms=tuple(arms),
        metrics=pl.DataFrame(
            metrics, schema_overrides={"fold": pl.Int64}, infer_schema_length=None
        ),
        labels=pl.DataFrame(labels, schema_overrides=_LABEL_TYPES, infer_schema_length=None),
        confusion=pl.DataFrame(confusion),
        mistakes=pl.DataFrame(
            [row for arm in arms for s in eval_sets for row in _mistakes(arm, s)]
        ),
        quality=dict.fromkeys(arms, _QUALITY),
        config="seed: 0\nsampler:\n  name: margin\n",
        manifest={"karl": "0.1.0", "seed": 0, "data": {"sha256": "ab" * 32}},
        notes=("random-fold9-seed9 is left out: it has no evaluated round.",),
    )


def run_name(arm: str, fold: int | None, seed: int) -> str:
    """Name a run of the study."""
    return f"{arm}-seed{seed}" if fold is None else f"{arm}-fold{fold}-seed{seed}"


def _plausible(arms: tuple[str, ...]) -> Score:
    def score(arm: str, fold: int | None, seed: int, eval_set: str, number: int) -> float:
        rate = 0.3 + 0.2 * arms.index(arm)
        start, gain = (0.82, -0.01) if eval_set == "id" else (0.44, 0.10)
        # All arms of a fold and seed start from one model; only later rounds differ by arm.
        key = [fold or 0, seed, len(eval_set)] + ([number, arms.index(arm)] if number else [])
        noise = np.random.default_rng(key).normal(0.0, 0.005)
        return float(start + 0.01 * (fold or 0) + gain * (1 - np.exp(-rate * number)) + noise)

    return score


def _metrics(
    run: tuple[str, int | None, int], eval_set: str, number: int, score: Score
) -> dict[str, Any]:
    arm, fold, seed = run
    value = score(arm, fold, seed, eval_set, number)
    accepted = sum(_labels(run, done)["accepted"] for done in range(1, number + 1))
    row = replace(
        _FRESH,
        round=number,
        eval_set=eval_set,
        fold=fold,
        seed=seed,
        sampler=arm,
        n_llm=accepted,
        n_train=300 + accepted,
        macro_f1=value,
        accuracy=value + 0.03,
        precision_macro=value + 0.01,
        recall_macro=value - 0.01,
        f1_complementary=value - 0.06,
        f1_substitute=value + 0.02,
        f1_unrelated=value + 0.04,
        diversity=0.8 + 0.01 * number + 0.002 * seed,
        llm_calls=3 * _ASKED * number,
        llm_tokens_in=600 * _ASKED * number,
        llm_tokens_out=6 * _ASKED * number,
        llm_cost_usd=0.02 * number,
        seconds=2.0 + number,
    )
    return {"arm": arm, "run": run_name(*run), **asdict(row)}


_LABEL_TYPES = {"fold": pl.Int64, "kappa": pl.Float64}


def _labels(run: tuple[str, int | None, int], number: int) -> dict[str, Any]:
    arm, fold, seed = run
    accepted = 30 + (7 * number + 3 * seed + (fold or 0) + len(arm)) % 10
    complementary, substitute = accepted // 3, accepted // 5
    return {
        "arm": arm,
        "run": run_name(*run),
        "fold": fold,
        "seed": seed,
        "round": number,
        "asked": _ASKED,
        "accepted": accepted,
        "complementary": complementary,
        "substitute": substitute,
        "unrelated": accepted - complementary - substitute,
        # A round in which all votes were one and the same label has no kappa.
        "kappa": None if (number, seed) == (1, 0) else 0.6 + 0.02 * number + 0.01 * seed,
    }


def _cells(
    run: tuple[str, int | None, int], eval_set: str, number: int
) -> Iterator[dict[str, Any]]:
    for row, column in product(range(3), range(3)):
        yield {
            "arm": run[0],
            "run": run_name(*run),
            "eval_set": eval_set,
            "round": number,
            "truth": RELATIONS[row],
            "predicted": RELATIONS[column],
            "count": 40 + 10 * row + number if row == column else 5 + row + 2 * column,
        }


def _mistakes(arm: str, eval_set: str) -> Iterator[dict[str, Any]]:
    for rank, (title_1, title_2) in enumerate(_TITLES):
        yield {
            "arm": arm,
            "eval_set": eval_set,
            "title_1": title_1,
            "title_2": title_2,
            "truth": RELATIONS[rank],
            "predicted": RELATIONS[(rank + 1) % 3],
            "wrong": 1.0 - 0.1 * rank,
            "confidence": 0.95 - 0.1 * rank,
        }


def _level(n: int, f1: float) -> dict[str, Any]:
    figure = {"value": f1, "low": f1 - 0.03, "high": f1 + 0.03}
    return {
        "n_pairs": n,
        "n_accepted": n - 20,
        "coverage": (n - 20) / n,
        "accuracy": figure,
        "macro_f1": figure,
        "first_accuracy": figure,
        "first_macro_f1": figure,
        "confusion": [[40, 5, 5, 10], [4, 60, 6, 5], [3, 2, 55, 5]],
        "human_macro_f1": 0.885,
    }


_QUALITY: dict[str, Any] = {
    "n_pairs": 200,
    "n_votes": 3,
    "n_accepted": 180,
    "acceptance": 0.9,
    "on_relations": _level(200, 0.86),
    "on_labels": None,
    "kappa_relations": 0.8,
    "kappa_labels": 0.7,
    "unanimous_relations": 0.88,
    "unanimous_labels": 0.8,
    "invalid": 0.01,
    "calls": 600,
    "tokens_in": 360000,
    "tokens_out": 3600,
    "cost_usd": 0.08,
    "cost_per_accepted_usd": 0.08 / 180,
    "swapped": None,
}
