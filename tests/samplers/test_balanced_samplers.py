from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sampler_template import N_CATEGORIES, N_ITEMS, SIZE, opinions, pool_of

from karl.categories import ItemCategories
from karl.errors import ConfigError
from karl.labels import Relation
from karl.samplers import Pool
from karl.samplers.balance import Balance
from karl.samplers.dynamic import Dynamic, explores

START = {"complementary": 0.4, "substitute": 0.3, "margin": 0.3}
SEED = {"macro_f1": 0.5, "f1_complementary": 0.4, "f1_substitute": 0.6}


def first_round() -> Pool:
    return replace(pool_of(), history=())


def with_unknown_items(n_unknown: int) -> Pool:
    """The last items are of categories of their own, of which people labelled nothing."""
    pool = first_round()
    assert pool.items is not None
    fine = np.zeros(N_ITEMS, np.int32)
    fine[N_ITEMS - n_unknown :] = 1 + np.arange(n_unknown)
    levels = ItemCategories(fine, np.zeros(N_ITEMS, np.int32), induced=False)
    known = (pool.train.items < N_ITEMS - n_unknown).all(axis=1)
    return replace(pool, items=replace(pool.items, categories=levels), human=pool.human & known)


def after(pool: Pool, **scores: float) -> Pool:
    """The next round, when the last one left these scores beside those of the seed."""
    past = replace(pool_of().history[0], held_out=SEED | scores)
    return replace(pool, history=[past], seed_held_out=SEED)


class TestBalance:
    def test_quotas_are_met_by_pairs_predicted_to_be_of_the_class(self) -> None:
        pool = replace(pool_of(), limit=10)
        chosen = Balance(cap=100).query(pool)
        means = opinions(pool.pairs).mean(axis=0)
        predicted = means.argmax(axis=1)
        assert (predicted[chosen[:4]] == Relation.COMPLEMENTARY).all()
        assert (predicted[chosen[4:7]] == Relation.SUBSTITUTE).all()
        free = np.setdiff1d(np.arange(SIZE), chosen[:7])
        margins = np.diff(np.sort(means, axis=1)[:, -2:], axis=1)[:, 0]
        assert set(chosen[7:]) == set(free[np.argsort(margins[free])][:3])

    def test_where_too_few_are_predicted_the_likeliest_follow(self) -> None:
        pool = replace(pool_of(), limit=SIZE - 1)
        chosen = Balance(complementary=1, substitute=0, margin=0, cap=100).query(pool)
        means = opinions(pool.pairs).mean(axis=0)
        (left,) = np.setdiff1d(np.arange(SIZE), chosen)
        others = np.flatnonzero(means.argmax(axis=1) != Relation.COMPLEMENTARY)
        assert left == others[means[others, Relation.COMPLEMENTARY].argmin()]

    @pytest.mark.parametrize("limit", [4, 8, 20, SIZE])
    @pytest.mark.parametrize("cap", [1.0, 2.0])
    def test_no_category_has_more_than_the_cap(self, limit: int, cap: float) -> None:
        pool = replace(pool_of(), limit=limit)
        taken = np.bincount(pool.categories[Balance(cap=cap).query(pool)])
        assert taken.max() <= np.ceil(cap * limit / N_CATEGORIES)

    def test_without_a_limit_it_takes_a_pair_for_each_category(self) -> None:
        assert len(Balance().query(pool_of())) == N_CATEGORIES

    def test_a_limit_on_all_rounds_is_not_spent_on_the_first(self) -> None:
        pool = replace(pool_of(), limit=40, labels_left=40, rounds_left=3)
        assert len(Balance().query(pool)) == N_CATEGORIES
        assert len(Balance(cap=9).query(replace(pool, rounds_left=0))) == 40

    def test_quotas_are_scaled_to_the_round(self) -> None:
        pool = replace(pool_of(), limit=10)
        scaled = Balance(complementary=4, substitute=3, margin=3)
        assert np.array_equal(scaled.query(pool), Balance().query(pool))

    def test_no_quotas_at_all_are_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"quotas(.|\n)*sampler\.margin"):
            Balance(complementary=0, substitute=0, margin=0)

    def test_it_tells_what_it_chose(self) -> None:
        pool = replace(pool_of(), limit=10)
        mix = Balance().mix(pool, Balance().query(pool))
        assert {name: mix[name] for name in START} == pytest.approx(START)
        assert sum(mix[name] for name in mix if name.startswith("predicted_")) == pytest.approx(1)


class TestDynamic:
    def test_where_nothing_is_uncovered_it_is_balance(self) -> None:
        pool = replace(with_unknown_items(0), limit=12)
        assert not explores(pool).any()
        assert np.array_equal(Dynamic().query(pool), Balance().query(pool))
        assert Dynamic().mix(pool, Dynamic().query(pool))["explored"] == 0

    def test_its_share_goes_to_categories_without_human_labels(self) -> None:
        pool = replace(with_unknown_items(6), limit=10)
        chosen = Dynamic(share=0.6, cap=100).query(pool)
        assert len(chosen) == 10
        assert explores(pool)[chosen[:6]].all()
        assert Dynamic(share=0.6).mix(pool, chosen)["explored"] >= 0.6

    def test_labels_of_an_annotator_cover_no_category(self) -> None:
        pool = with_unknown_items(6)
        assert not pool.human.all()
        assert np.array_equal(explores(pool), (pool.pairs >= N_ITEMS - 6).any(axis=1))

    def test_it_explores_less_when_held_out_pairs_suffer(self) -> None:
        pool, dynamic = with_unknown_items(6), Dynamic()
        shares = [
            dynamic.share_now(after(pool, macro_f1=score)) for score in (0.6, 0.5, 0.45, 0.4, 0.0)
        ]
        assert shares[:2] == [0.9, 0.9]
        assert shares[-1] == dynamic.least_share
        assert shares[1] > shares[2] > shares[3] > shares[4]

    def test_a_class_that_suffers_gets_a_larger_quota(self) -> None:
        pool, dynamic = with_unknown_items(6), Dynamic()
        quotas = [
            dynamic.quotas_now(after(pool, f1_complementary=score))["complementary"]
            for score in (0.5, 0.4, 0.3)
        ]
        assert quotas[0] < quotas[1] < quotas[2]

    def test_a_class_that_is_not_found_gets_a_smaller_quota(self) -> None:
        pool = after(with_unknown_items(6))
        (past,) = pool.history
        some = past.accepted.relations != Relation.COMPLEMENTARY
        without = replace(pool, history=[replace(past, accepted=past.accepted.take(some))])
        before, now = (Dynamic().quotas_now(one) for one in (pool, without))
        assert now["complementary"] < before["complementary"]
        assert now["margin"] > before["margin"]
        assert sum(now.values()) == pytest.approx(1, abs=1e-5)

    def test_the_first_round_has_the_quotas_of_the_start(self) -> None:
        assert Dynamic().quotas_now(first_round()) == pytest.approx(START)
        assert Dynamic().share_now(first_round()) == 0.9
