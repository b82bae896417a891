"""How strategies are named."""

from __future__ import annotations

from karl.config.compose import compose_config
from karl.sweeps.arms import arm_labels


def labels(*overrides: list[str]) -> list[str]:
    return arm_labels([compose_config(given) for given in overrides])


def test_folds_and_seeds_are_the_same_strategy() -> None:
    assert labels(["seed=1"], ["seed=2", "split.fold=3"]) == ["dynamic", "dynamic"]


def test_the_sampler_names_a_strategy() -> None:
    assert labels(["sampler=qbc"], ["sampler=random"]) == ["qbc", "random"]


def test_what_follows_from_a_choice_is_not_told() -> None:
    found = labels(
        ["data=fbl"], ["data=fbl", "cards=recorded"], ["data=fbl", "cards=recorded", "sampler=qbc"]
    )
    assert found == ["dynamic, cards=none", "dynamic, cards=recorded", "qbc, cards=recorded"]


def test_a_single_value_that_differs_is_told() -> None:
    found = labels(["classifier.share=0.5"], ["classifier.share=0.1"])
    assert found == ["dynamic, classifier.share=0.5", "dynamic, classifier.share=0.1"]


def test_limits_are_told_where_they_are_compared() -> None:
    found = labels(["budget.labels=50"], ["budget.labels=100"], ["budget.labels=100", "seed=4"])
    assert found == [
        "dynamic, budget.labels=50",
        "dynamic, budget.labels=100",
        "dynamic, budget.labels=100",
    ]


def test_transport_and_rounds_are_not_told() -> None:
    assert set(labels(["budget.rounds=5"], ["budget.rounds=6"])) == {"dynamic"}


def test_an_experiment_is_told_and_not_what_it_chooses() -> None:
    assert labels([], ["experiment=paper"]) == ["dynamic", "margin"]
    found = labels(["sampler=margin"], ["experiment=paper"])
    assert found == ["margin, cards=recorded", "margin, cards=none"]
