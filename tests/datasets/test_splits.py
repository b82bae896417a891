from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from karl.datasets import Catalogue, Dataset, LabelledPairs
from karl.datasets.splits import ClusterSplit, IdOodSplit, IdSplit, OodSplit, Split, SplitRule
from karl.errors import ConfigError, DataError
from karl.labels import Relation

N_ITEMS = 40
GROUPS = {
    "major": np.arange(N_ITEMS, dtype=np.int32) % 4,
    "fine": np.arange(N_ITEMS, dtype=np.int32) % 8,
}


def pairs_of(items: Any, relations: Any) -> LabelledPairs:
    relations = np.asarray(relations, np.int8)
    rows = np.asarray(items, np.int32).reshape(-1, 2)
    return LabelledPairs(rows, relations, np.zeros_like(relations), "human")


def random_pairs(size: int, seed: int) -> LabelledPairs:
    """Pairs of every relation, about a third of them repeated in the other order."""
    rng = np.random.default_rng(seed)
    items = rng.integers(0, N_ITEMS, (size, 2))
    items = np.concatenate([items, items[: size // 3, ::-1]])
    relations = np.concatenate([np.arange(size), np.arange(size // 3)]) % 3
    return pairs_of(items, relations)


def shop(**pairs: LabelledPairs) -> Dataset:
    return Dataset("shop", Catalogue(None), pairs)  # a split reads no catalogue


def folds(rule: Any, dataset: Dataset) -> Iterator[Split]:
    for fold in range(rule.n_folds):
        yield replace(rule, fold=fold).divide(dataset, GROUPS)


def rows(*parts: LabelledPairs) -> list[list[int]]:
    """Items and relation of each pair, in one comparable order."""
    return sorted(
        [*pair, relation]
        for part in parts
        for pair, relation in zip(part.items.tolist(), part.relations.tolist(), strict=True)
    )


BOTH = shop(id=random_pairs(300, 1), ood=random_pairs(200, 2))
RULES = [
    IdSplit(),
    OodSplit(),
    IdOodSplit(),
    ClusterSplit(n_folds=2),
    ClusterSplit(level="fine", n_folds=2),
]


@pytest.mark.parametrize("rule", RULES, ids=repr)
class TestEverySplit:
    def test_no_training_pair_is_evaluated_on_in_either_order(self, rule: SplitRule) -> None:
        split = rule.divide(BOTH, GROUPS)
        for pairs in split.evaluation.values():
            assert not np.isin(split.train.keys, pairs.keys).any()

    def test_every_set_holds_every_relation(self, rule: SplitRule) -> None:
        split = rule.divide(BOTH, GROUPS)
        for pairs in (split.train, *split.evaluation.values()):
            assert pairs.counts.all()

    def test_the_same_rule_divides_alike(self, rule: SplitRule) -> None:
        one, two = (rule.divide(BOTH, GROUPS) for _ in range(2))
        assert rows(one.train) == rows(two.train)

    def test_without_id_pairs_the_message_names_what_there_is(self, rule: SplitRule) -> None:
        with pytest.raises(ConfigError, match=r"'shop' has no labelled pairs 'id'(.|\n)*ood"):
            rule.divide(shop(ood=BOTH.pairs["ood"]), GROUPS)

    def test_an_empty_id_set_is_a_data_error(self, rule: SplitRule) -> None:
        with pytest.raises(DataError):
            rule.divide(shop(id=LabelledPairs.empty("human"), ood=BOTH.pairs["ood"]), GROUPS)


class TestFolds:
    @settings(max_examples=15)
    @given(st.integers(60, 120), st.integers(2, 5), st.integers(0, 99))
    def test_the_folds_partition_the_pairs(self, size: int, n_folds: int, seed: int) -> None:
        pairs = random_pairs(size, seed)
        parts = list(folds(IdSplit(n_folds=n_folds, seed=seed), shop(id=pairs)))
        assert rows(*(part.evaluation["id"] for part in parts)) == rows(pairs)
        for part in parts:
            assert rows(part.train, part.evaluation["id"]) == rows(pairs)

    @settings(max_examples=15)
    @given(st.integers(60, 120), st.integers(0, 99))
    def test_a_pair_and_its_swap_stay_in_one_fold(self, size: int, seed: int) -> None:
        parts = folds(IdSplit(n_folds=3), shop(id=random_pairs(size, seed)))
        keys = [set(part.evaluation["id"].keys) for part in parts]
        assert sum(map(len, keys)) == len(set.union(*keys))

    def test_the_folds_are_stratified(self) -> None:
        for part in folds(IdSplit(), BOTH):
            assert abs(part.evaluation["id"].counts - 400 / 3 / 5).max() <= 4

    def test_the_seed_decides_the_folds(self) -> None:
        one, two = (IdSplit(seed=seed).divide(BOTH, GROUPS) for seed in (0, 1))
        assert rows(one.train) != rows(two.train)

    @pytest.mark.parametrize("kind", [IdSplit, IdOodSplit, ClusterSplit])
    @pytest.mark.parametrize(
        "values", [{"fold": 5}, {"fold": -1}, {"n_folds": 1}, {"fold": 2, "n_folds": 2}]
    )
    def test_a_fold_that_does_not_exist_is_refused(self, kind: Any, values: dict[str, int]) -> None:
        with pytest.raises(ValidationError, match="fold"):
            kind(**values)

    @pytest.mark.parametrize("kind", [IdSplit, IdOodSplit])
    def test_too_few_pairs_of_a_relation_are_named(self, kind: Any) -> None:
        pairs = BOTH.pairs["id"]
        few = np.flatnonzero(pairs.relations == Relation.SUBSTITUTE)[4:]
        dataset = shop(id=pairs.take(np.delete(np.arange(len(pairs)), few)), ood=pairs)
        with pytest.raises(
            DataError, match=r"only 4 .* are substitute: with 5 folds(.|\n)*n_folds"
        ):
            kind().divide(dataset, GROUPS)

    def test_a_pair_given_in_both_orders_counts_once(self) -> None:
        complements = [[0, 1], [1, 0], [2, 3], [3, 2]]
        others = [[n, n + 20] for n in range(20)]
        pairs = pairs_of(complements + others, [0] * 4 + [1, 2] * 10)
        with pytest.raises(DataError, match="only 2 labelled pairs are complementary"):
            IdSplit(n_folds=3).divide(shop(id=pairs), GROUPS)


class TestOod:
    def test_trains_on_all_id_pairs_that_are_not_evaluated_on(self) -> None:
        split = OodSplit().divide(BOTH, GROUPS)
        pairs = BOTH.pairs["id"]
        known = np.isin(pairs.keys, BOTH.pairs["ood"].keys)
        assert known.any()
        assert rows(split.train) == rows(pairs.take(~known))
        assert rows(split.evaluation["ood"]) == rows(BOTH.pairs["ood"])

    def test_id_ood_evaluates_on_a_fold_and_on_the_whole_ood_set(self) -> None:
        for joint, alone in zip(folds(IdOodSplit(), BOTH), folds(IdSplit(), BOTH), strict=True):
            assert rows(joint.evaluation["id"]) == rows(alone.evaluation["id"])
            assert rows(joint.evaluation["ood"]) == rows(BOTH.pairs["ood"])

    @pytest.mark.parametrize("rule", [OodSplit(), IdOodSplit()], ids=repr)
    def test_without_an_ood_set_another_split_is_suggested(self, rule: SplitRule) -> None:
        with pytest.raises(ConfigError, match=r"no labelled pairs 'ood'(.|\n)*split=cluster"):
            rule.divide(shop(id=BOTH.pairs["id"]), GROUPS)

    @pytest.mark.parametrize("rule", [OodSplit(), IdOodSplit()], ids=repr)
    def test_an_empty_ood_set_is_named(self, rule: SplitRule) -> None:
        with pytest.raises(DataError, match="'ood' without a pair"):
            rule.divide(shop(id=BOTH.pairs["id"], ood=LabelledPairs.empty("human")), GROUPS)

    def test_a_relation_that_the_ood_set_lacks_is_named(self) -> None:
        pairs = BOTH.pairs["ood"]
        partial = pairs.take(pairs.relations != Relation.UNRELATED)
        with pytest.raises(DataError, match="evaluation set 'ood' that is unrelated"):
            OodSplit().divide(shop(id=BOTH.pairs["id"], ood=partial), GROUPS)

    def test_nothing_left_to_train_on_is_named(self) -> None:
        pairs = BOTH.pairs["id"]
        with pytest.raises(DataError, match="training set that is complementary or substitute or"):
            OodSplit().divide(shop(id=pairs, ood=pairs), GROUPS)


class TestCluster:
    @pytest.mark.parametrize("level", ["major", "fine"])
    def test_no_held_out_category_is_trained_on(self, level: str) -> None:
        for part in folds(ClusterSplit(n_folds=2, level=level), BOTH):
            held_out = GROUPS[level][part.evaluation["ood"].items]
            assert not np.isin(GROUPS[level][part.train.items], held_out).any()

    def test_every_category_is_held_out_once(self) -> None:
        held_out = [
            np.unique(GROUPS["major"][part.evaluation["ood"].items])
            for part in folds(ClusterSplit(n_folds=2), BOTH)
        ]
        assert sorted(np.concatenate(held_out)) == [0, 1, 2, 3]

    def test_folds_hold_about_equally_many_items_of_pairs(self) -> None:
        sizes = [
            np.isin(GROUPS["fine"], GROUPS["fine"][part.evaluation["ood"].items]).sum()
            for part in folds(ClusterSplit(n_folds=2, level="fine"), BOTH)
        ]
        assert sizes == [20, 20]

    def test_items_without_a_category_are_never_held_out(self) -> None:
        lost = GROUPS["major"].copy()
        lost[::8] = -1
        for fold in (0, 1):
            rule = ClusterSplit(n_folds=2, fold=fold)
            split = rule.divide(BOTH, {"major": lost, "fine": lost})
            assert (lost[split.evaluation["ood"].items] >= 0).all()

    @pytest.mark.parametrize("category", [0, -1])
    def test_too_few_categories_leave_nothing_to_evaluate_on(self, category: int) -> None:
        alone: NDArray[np.int32] = np.full(N_ITEMS, category, np.int32)
        with pytest.raises(DataError, match="'ood' without a pair"):
            ClusterSplit(fold=1, n_folds=2).divide(BOTH, {"major": alone, "fine": alone})
