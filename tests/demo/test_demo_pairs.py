from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from karl.datasets import Votes, pair_keys
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
def pairs(catalogue: pl.DataFrame) -> dict[Split, Votes]:
    return {split: generate_pairs(catalogue, split, N_PAIRS, seed=5) for split in SPLITS}


def macro_f1(one: NDArray[np.int8], two: NDArray[np.int8]) -> float:
    both = [((one == r) & (two == r)).sum() for r in Relation]
    either = [(one == r).sum() + (two == r).sum() for r in Relation]
    return float(np.mean(2 * np.array(both) / np.array(either)))


@pytest.mark.parametrize("split", SPLITS)
def test_three_annotators_give_every_label(pairs: dict[Split, Votes], split: Split) -> None:
    drawn = pairs[split]
    assert (drawn.items.shape, drawn.items.dtype) == ((N_PAIRS, 2), np.int32)
    assert (drawn.codes.shape, drawn.codes.dtype) == ((N_PAIRS, 3), np.int8)
    assert set(np.unique(drawn.codes)) == set(range(1, 10))


@pytest.mark.parametrize("split", SPLITS)
def test_pairs_differ(catalogue: pl.DataFrame, pairs: dict[Split, Votes], split: Split) -> None:
    one, two = pairs[split].items.T
    assert len(np.unique(pair_keys(pairs[split].items))) == N_PAIRS
    assert (catalogue["title"].gather(one) != catalogue["title"].gather(two)).all()


def test_sides_of_the_split(catalogue: pl.DataFrame, pairs: dict[Split, Votes]) -> None:
    is_ood = catalogue["major_category"].is_in(OOD_MAJORS).to_numpy()
    assert not is_ood[pairs["id"].items].any()
    sides = is_ood[pairs["ood"].items]
    assert sides.any(axis=1).all()
    assert 0.75 < sides.all(axis=1).mean() < 0.95


@pytest.mark.parametrize("split", SPLITS)
def test_mix_of_relations(catalogue: pl.DataFrame, pairs: dict[Split, Votes], split: Split) -> None:
    true = to_relations(true_labels(catalogue, pairs[split].items))
    given_votes = to_relations(pairs[split].codes)
    counts = np.stack([(given_votes == relation).sum(axis=1) for relation in Relation])
    majority = counts.argmax(axis=0)
    for relation, share in MIX[split].items():
        assert (true == relation).mean() == pytest.approx(share, abs=0.001)
        assert (majority == relation).mean() == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(("split", "least", "most"), [("id", 0.1, 0.3), ("ood", 0.6, 0.9)])
def test_unrelated_pairs_are_mostly_hard_out_of_distribution(
    catalogue: pl.DataFrame,
    pairs: dict[Split, Votes],
    split: Split,
    least: float,
    most: float,
) -> None:
    one, two = pairs[split].items.T
    unrelated = to_relations(true_labels(catalogue, pairs[split].items)) == Relation.UNRELATED
    major = catalogue["major_category"]
    same_major = (major.gather(one) == major.gather(two)).to_numpy()[unrelated]
    assert least < same_major.mean() < most


@pytest.mark.parametrize("split", SPLITS)
def test_annotators_agree_as_people_do(pairs: dict[Split, Votes], split: Split) -> None:
    relations = to_relations(pairs[split].codes)
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


def test_is_deterministic(catalogue: pl.DataFrame, pairs: dict[Split, Votes]) -> None:
    same, other = (generate_pairs(catalogue, "id", N_PAIRS, seed=seed) for seed in (5, 6))
    assert same.fingerprint == pairs["id"].fingerprint
    assert not np.array_equal(other.items, pairs["id"].items)


def test_the_truth_follows_the_swap_rule_and_the_items(catalogue: pl.DataFrame) -> None:
    some = np.random.default_rng(1).integers(catalogue.height, size=(20_000, 2))
    labels = true_labels(catalogue, some)
    assert labels.dtype == np.int8
    np.testing.assert_array_equal(swap_labels(labels), true_labels(catalogue, some[:, ::-1]))
    assert (true_labels(catalogue, some[:, [0, 0]]) == 1).all()


def test_the_truth_of_no_pairs(catalogue: pl.DataFrame) -> None:
    nothing = np.empty((0, 2), dtype=np.int32)
    assert true_labels(catalogue, nothing).shape == (0,)
    assert len(generate_pairs(catalogue, "id", 0, seed=1)) == 0


def test_the_truth_refuses_unknown_types(catalogue: pl.DataFrame) -> None:
    odd = catalogue.head(3).with_columns(type=pl.lit("time machine"))
    with pytest.raises(ValueError, match=r"unknown type in the catalogue: \['time machine'\]"):
        true_labels(odd, np.array([[0, 1]]))


@pytest.mark.parametrize("split", SPLITS)
def test_draws_every_pair_of_a_small_catalogue_but_no_more(split: Split) -> None:
    catalogue = pl.concat([small := generate_catalogue(40, seed=2), small.head(10)])
    is_ood = small["major_category"].is_in(OOD_MAJORS).to_list()
    possible = sum((a or b) if split == "ood" else not (a or b) for a, b in combinations(is_ood, 2))
    pairs = generate_pairs(catalogue, split, possible, seed=1)
    assert len(np.unique(pair_keys(pairs.items))) == possible
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
        assert len(np.unique(pair_keys(pairs.items))) == possible


def test_refuses_negative_numbers(catalogue: pl.DataFrame) -> None:
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
