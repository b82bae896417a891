from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from karl.demo.annotation import CONFUSION, annotate
from karl.demo.generator import generate_catalogue
from karl.demo.ontology import Ontology
from karl.demo.pairs import generate_pairs, true_labels
from karl.demo.strata import share_out
from karl.labels import Relation, swap_labels, to_relations

Split = Literal["id", "ood"]
SPLITS: tuple[Split, ...] = ("id", "ood")
N_PAIRS = 6_000
OOD_MAJORS = [major.name for major in Ontology.load().majors if major.split == "ood"]
MIX = {
    "id": {Relation.SUBSTITUTE: 0.20, Relation.COMPLEMENTARY: 0.25, Relation.UNRELATED: 0.55},
    "ood": {Relation.SUBSTITUTE: 0.30, Relation.COMPLEMENTARY: 0.25, Relation.UNRELATED: 0.45},
}


@pytest.fixture(scope="module")
def catalogue() -> pl.DataFrame:
    return generate_catalogue(20_000, seed=3)


@pytest.fixture(scope="module")
def pairs(catalogue: pl.DataFrame) -> dict[Split, pl.DataFrame]:
    return {split: generate_pairs(catalogue, split, N_PAIRS, seed=5) for split in SPLITS}


def rows_of(catalogue: pl.DataFrame, pairs: pl.DataFrame) -> tuple[NDArray[np.int64], ...]:
    row = dict(zip(catalogue["item_id"], range(catalogue.height), strict=True))
    return tuple(np.array([row[i] for i in pairs[f"item_id_{side}"]]) for side in (1, 2))


def votes(pairs: pl.DataFrame) -> NDArray[np.int8]:
    """Return the labels of the three annotators, (n, 3)."""
    return pairs.select("label_1", "label_2", "label_3").to_numpy()


def macro_f1(one: NDArray[np.int8], two: NDArray[np.int8]) -> float:
    both = [((one == r) & (two == r)).sum() for r in Relation]
    either = [(one == r).sum() + (two == r).sum() for r in Relation]
    return float(np.mean(2 * np.array(both) / np.array(either)))


@pytest.mark.parametrize("split", SPLITS)
def test_has_the_columns(pairs: dict[Split, pl.DataFrame], split: Split) -> None:
    labels = dict.fromkeys(("label_1", "label_2", "label_3"), pl.Int8)
    assert pairs[split].schema == {"item_id_1": pl.String, "item_id_2": pl.String} | labels
    assert pairs[split].height == N_PAIRS
    assert set(np.unique(votes(pairs[split]))) == set(range(1, 10))


@pytest.mark.parametrize("split", SPLITS)
def test_pairs_differ(
    catalogue: pl.DataFrame, pairs: dict[Split, pl.DataFrame], split: Split
) -> None:
    one, two = rows_of(catalogue, pairs[split])
    assert len(np.unique(np.sort(np.stack([one, two], axis=1), axis=1), axis=0)) == N_PAIRS
    assert (catalogue["title"].gather(one) != catalogue["title"].gather(two)).all()


def test_sides_of_the_split(catalogue: pl.DataFrame, pairs: dict[Split, pl.DataFrame]) -> None:
    is_ood = catalogue["major_category"].is_in(OOD_MAJORS).to_numpy()
    sides = {
        split: np.stack([is_ood[rows] for rows in rows_of(catalogue, drawn)])
        for split, drawn in pairs.items()
    }
    assert not sides["id"].any()
    assert sides["ood"].any(axis=0).all()
    assert 0.75 < sides["ood"].all(axis=0).mean() < 0.95


@pytest.mark.parametrize("split", SPLITS)
def test_mix_of_relations(
    catalogue: pl.DataFrame, pairs: dict[Split, pl.DataFrame], split: Split
) -> None:
    true = to_relations(true_labels(catalogue, *rows_of(catalogue, pairs[split])))
    given_votes = to_relations(votes(pairs[split]))
    counts = np.stack([(given_votes == relation).sum(axis=1) for relation in Relation])
    majority = counts.argmax(axis=0)
    for relation, share in MIX[split].items():
        assert (true == relation).mean() == pytest.approx(share, abs=0.001)
        assert (majority == relation).mean() == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(("split", "least", "most"), [("id", 0.1, 0.3), ("ood", 0.6, 0.9)])
def test_unrelated_pairs_are_mostly_hard_out_of_distribution(
    catalogue: pl.DataFrame,
    pairs: dict[Split, pl.DataFrame],
    split: Split,
    least: float,
    most: float,
) -> None:
    one, two = rows_of(catalogue, pairs[split])
    unrelated = to_relations(true_labels(catalogue, one, two)) == Relation.UNRELATED
    major = catalogue["major_category"]
    same_major = (major.gather(one) == major.gather(two)).to_numpy()[unrelated]
    assert least < same_major.mean() < most


@pytest.mark.parametrize("split", SPLITS)
def test_annotators_agree_as_people_do(pairs: dict[Split, pl.DataFrame], split: Split) -> None:
    relations = to_relations(votes(pairs[split]))
    for a, b in combinations(range(3), 2):
        assert 0.85 < macro_f1(relations[:, a], relations[:, b]) < 0.90


def test_annotators_confuse_neighbours() -> None:
    labels = np.repeat(np.arange(1, 10, dtype=np.int8), 4_000)
    given_labels = annotate(labels, np.random.default_rng(0))
    for true in range(1, 10):
        shares = np.bincount(given_labels[labels == true], minlength=10)[1:] / 4_000
        np.testing.assert_allclose(shares, CONFUSION[true - 1], atol=0.03)
    likeliest_error = {8: 9, 9: 8, 5: 7, 6: 7, 1: 9}
    for true, error in likeliest_error.items():
        assert np.argsort(CONFUSION[true - 1])[-2] == error - 1


def test_annotators_treat_both_orders_alike() -> None:
    swapped = swap_labels(np.arange(1, 10)) - 1
    np.testing.assert_allclose(CONFUSION, CONFUSION[np.ix_(swapped, swapped)])
    np.testing.assert_allclose(CONFUSION.sum(axis=1), 1)


def test_is_deterministic(catalogue: pl.DataFrame, pairs: dict[Split, pl.DataFrame]) -> None:
    assert generate_pairs(catalogue, "id", N_PAIRS, seed=5).equals(pairs["id"])
    assert not generate_pairs(catalogue, "id", N_PAIRS, seed=6).equals(pairs["id"])


def test_the_truth_follows_the_swap_rule_and_the_items(catalogue: pl.DataFrame) -> None:
    one, two = np.random.default_rng(1).integers(catalogue.height, size=(2, 20_000))
    labels = true_labels(catalogue, one, two)
    assert labels.dtype == np.int8
    np.testing.assert_array_equal(swap_labels(labels), true_labels(catalogue, two, one))
    assert (true_labels(catalogue, one, one) == 1).all()


def test_the_truth_of_no_pairs(catalogue: pl.DataFrame) -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert true_labels(catalogue, nothing, nothing).shape == (0,)
    assert generate_pairs(catalogue, "id", 0, seed=1).height == 0


def test_the_truth_refuses_unknown_types(catalogue: pl.DataFrame) -> None:
    odd = catalogue.head(3).with_columns(type=pl.lit("time machine"))
    with pytest.raises(ValueError, match=r"unknown type in the catalogue: \['time machine'\]"):
        true_labels(odd, np.array([0]), np.array([1]))


@pytest.mark.parametrize("split", SPLITS)
def test_draws_every_pair_of_a_small_catalogue_but_no_more(split: Split) -> None:
    catalogue = pl.concat([small := generate_catalogue(40, seed=2), small.head(10)])
    is_ood = small["major_category"].is_in(OOD_MAJORS).to_list()
    possible = sum((a or b) if split == "ood" else not (a or b) for a, b in combinations(is_ood, 2))
    pairs = generate_pairs(catalogue, split, possible, seed=1)
    ends = pairs.select("item_id_1", "item_id_2").iter_rows()
    assert len({frozenset(pair) for pair in ends}) == possible
    with pytest.raises(ValueError, match=f"has {possible} {split} pairs"):
        generate_pairs(catalogue, split, possible + 1, seed=1)


def test_draws_every_pair_within_a_type() -> None:
    title = pl.format("Pen {}", pl.int_range(9))
    pens = generate_catalogue(9, seed=1).with_columns(
        title=title, type=pl.lit("gel pen"), fit=pl.lit("")
    )
    for n_items in range(2, 10):
        possible = n_items * (n_items - 1) // 2
        pairs = generate_pairs(pens.head(n_items), "id", possible, seed=1)
        ends = pairs.select("item_id_1", "item_id_2").iter_rows()
        assert len({frozenset(pair) for pair in ends}) == possible


def test_refuses_an_unknown_split_and_negative_numbers(catalogue: pl.DataFrame) -> None:
    with pytest.raises(ValueError, match="split is 'id' or 'ood'"):
        generate_pairs(catalogue, "test", 5, seed=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="pairs to draw, not -1"):
        generate_pairs(catalogue, "id", -1, seed=1)


@given(
    parts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 50)), min_size=1, max_size=8),
    data=st.data(),
)
def test_shares_out_everything_within_the_room(
    parts: list[tuple[float, int]], data: st.DataObject
) -> None:
    shares, room = (np.array(column) for column in zip(*parts, strict=True))
    n = data.draw(st.integers(0, int(room.sum())))
    taken = share_out(n, shares, room)
    assert taken.sum() == n
    assert np.all((taken >= 0) & (taken <= room))
