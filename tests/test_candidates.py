from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from karl.candidates import CandidatePairs, Candidates, Recorded, Stratified
from karl.categories import ItemCategories
from karl.datasets import Catalogue, Dataset, Votes, pair_keys
from karl.errors import ConfigError

NOTHING = np.empty(0, np.int64)


def shop_of(titles: list[str]) -> Dataset:
    ids = [f"i{n}" for n in range(len(titles))]
    return Dataset("shop", Catalogue(pl.DataFrame({"item_id": ids, "title": titles})), {})


def categories_of(fine: list[int], major: list[int]) -> ItemCategories:
    return ItemCategories(np.int32(fine), np.int32(major), induced=False)


def unordered(pairs: NDArray[np.int32]) -> list[tuple[int, int]]:
    return sorted((min(pair), max(pair)) for pair in pairs.tolist())


# 200 items: 20 fine categories of 10 items, 4 major ones of 50; item i has title i % 150.
SHOP = shop_of([f"thing {n % 150}" for n in range(200)])
CATEGORIES = categories_of([n % 20 for n in range(200)], [n % 4 for n in range(200)])
RECORDED = replace(
    SHOP,
    recorded=Votes(
        np.array([[0, 1], [5, 2], [1, 0], [7, 7], [3, 153], [9, 8]], np.int32),
        np.ones((6, 3), np.int8),
    ),
)
RULES = [Stratified(queries_per_category=5, per_query=8), Recorded()]


def propose(
    rule: Candidates, excluded: NDArray[np.int64] = NOTHING, seed: int = 0
) -> CandidatePairs:
    return rule.propose(RECORDED, CATEGORIES, excluded, seed)


@pytest.mark.parametrize("rule", RULES, ids=repr)
class TestEveryRule:
    def test_no_item_is_paired_with_itself_or_its_namesake(self, rule: Candidates) -> None:
        titles = RECORDED.catalogue.title_codes[propose(rule).pairs]
        assert (titles[:, 0] != titles[:, 1]).all()

    def test_no_unordered_pair_comes_twice(self, rule: Candidates) -> None:
        keys = pair_keys(propose(rule).pairs)
        assert len(np.unique(keys)) == len(keys) > 0

    def test_no_excluded_pair_comes_in_either_order(self, rule: Candidates) -> None:
        pairs = propose(rule).pairs
        excluded = pair_keys(pairs[::2, ::-1])
        left = pair_keys(propose(rule, excluded).pairs)
        assert set(left) == set(pair_keys(pairs)) - set(excluded)

    def test_nothing_is_left_when_everything_is_excluded(self, rule: Candidates) -> None:
        left = propose(rule, pair_keys(propose(rule).pairs))
        assert len(left) == 0
        assert left.pairs.shape == (0, 2)

    def test_the_category_is_the_query_items_fine_one(self, rule: Candidates) -> None:
        proposed = propose(rule)
        assert np.array_equal(proposed.categories, CATEGORIES.fine[proposed.pairs[:, 0]])

    def test_the_same_seed_proposes_the_same_pairs(self, rule: Candidates) -> None:
        assert np.array_equal(propose(rule).pairs, propose(rule).pairs)

    def test_pairs_are_row_numbers_of_32_bits(self, rule: Candidates) -> None:
        assert propose(rule).pairs.dtype == propose(rule).categories.dtype == np.int32


class TestStratified:
    def test_another_seed_proposes_other_pairs(self) -> None:
        one, two = (propose(Stratified(1, 1), seed=seed) for seed in (0, 1))
        assert unordered(one.pairs) != unordered(two.pairs)

    @settings(max_examples=30)
    @given(st.integers(1, 12), st.integers(1, 60), st.integers(0, 99))
    def test_queries_and_candidates_stay_within_their_limits(
        self, queries: int, per_query: int, seed: int
    ) -> None:
        pairs = propose(Stratified(queries, per_query), seed=seed).pairs
        query_items, candidates = np.unique(pairs[:, 0], return_counts=True)
        assert np.bincount(CATEGORIES.fine[query_items]).max() <= queries
        assert candidates.max() <= per_query

    def test_every_category_has_its_queries(self) -> None:
        query_items = np.unique(propose(Stratified(3, 20)).pairs[:, 0])
        assert np.bincount(CATEGORIES.fine[query_items]).tolist() == [3] * 20

    def test_both_items_are_of_one_major_category(self) -> None:
        majors = CATEGORIES.major[propose(Stratified()).pairs]
        assert (majors[:, 0] == majors[:, 1]).all()

    def test_generous_limits_propose_every_allowed_pair(self) -> None:
        shop = shop_of(["a", "b", "c", "d", "a", "e"])
        categories = categories_of([0, 0, 1, 1, 0, 2], [0, 0, 0, 0, 0, 1])
        pairs = Stratified().propose(shop, categories, NOTHING, 0).pairs
        allowed = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]
        assert unordered(pairs) == allowed

    def test_candidates_are_drawn_from_the_whole_major_category(self) -> None:
        drawn = [propose(Stratified(1, 5), seed=seed).pairs for seed in range(40)]
        assert len(np.unique(np.concatenate(drawn)[:, 1])) == 200

    def test_items_without_a_category_are_a_stratum_of_their_own(self) -> None:
        categories = categories_of([0, 0, -1, -1], [0, 0, -1, -1])
        proposed = Stratified().propose(shop_of(list("abcd")), categories, NOTHING, 0)
        assert unordered(proposed.pairs) == [(0, 1), (2, 3)]
        assert sorted(proposed.categories) == [-1, 0]

    @pytest.mark.parametrize("titles", [["a"], ["a", "a"], ["A", "Ａ "]])
    def test_a_shop_of_one_thing_has_no_candidates(self, titles: list[str]) -> None:
        nowhere = [0] * len(titles)
        proposed = Stratified().propose(
            shop_of(titles), categories_of(nowhere, nowhere), NOTHING, 0
        )
        assert len(proposed) == 0

    def test_two_items_give_one_pair(self) -> None:
        proposed = Stratified().propose(
            shop_of(["a", "b"]), categories_of([0, 0], [0, 0]), NOTHING, 0
        )
        assert unordered(proposed.pairs) == [(0, 1)]


class TestRecorded:
    def test_recorded_pairs_come_in_their_recorded_order(self) -> None:
        assert propose(Recorded()).pairs.tolist() == [[0, 1], [5, 2], [9, 8]]

    def test_without_recorded_votes_the_message_names_the_data_set(self) -> None:
        with pytest.raises(ConfigError, match="'shop' has no recorded votes"):
            Recorded().propose(SHOP, CATEGORIES, NOTHING, 0)
