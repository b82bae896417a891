from __future__ import annotations

import numpy as np
import pytest

from karl.labels import NO_LABEL, FunctionLabel, Relation, swap_labels, to_relations

CODES = np.arange(10)


def test_the_nine_labels_stand_for_the_published_relations() -> None:
    by_relation = {
        relation: [int(label) for label in FunctionLabel if label.relation is relation]
        for relation in Relation
    }
    assert by_relation == {
        Relation.COMPLEMENTARY: [2, 3, 4, 5, 6, 7],
        Relation.SUBSTITUTE: [1],
        Relation.UNRELATED: [8, 9],
    }


def test_swapping_exchanges_2_with_3_and_5_with_6() -> None:
    assert swap_labels(CODES).tolist() == [0, 1, 3, 2, 4, 6, 5, 7, 8, 9]


def test_swapping_twice_changes_nothing() -> None:
    assert (swap_labels(swap_labels(CODES)) == CODES).all()


def test_swapping_keeps_the_relation() -> None:
    assert (to_relations(swap_labels(CODES)) == to_relations(CODES)).all()


@pytest.mark.parametrize("label", FunctionLabel)
def test_a_label_agrees_with_the_array_functions(label: FunctionLabel) -> None:
    assert label.relation == to_relations([label])[0]
    assert label.swapped == swap_labels([label])[0]


def test_every_label_has_its_own_wording() -> None:
    assert len({label.wording for label in FunctionLabel}) == len(FunctionLabel)


@pytest.mark.parametrize("label", FunctionLabel)
def test_the_wording_of_a_swapped_label_has_its_items_exchanged(label: FunctionLabel) -> None:
    exchanged = label.wording.translate(str.maketrans("12", "21"))
    symmetric = label.swapped is label
    assert symmetric or exchanged == label.swapped.wording


def test_a_missing_label_has_no_relation() -> None:
    assert to_relations([NO_LABEL]).tolist() == [-1]


def test_arrays_keep_their_shape() -> None:
    codes = np.ones((2, 0, 3), np.int8)
    assert to_relations(codes).shape == swap_labels(codes).shape == codes.shape


@pytest.mark.parametrize("code", [-1, 10])
def test_other_codes_are_refused(code: int) -> None:
    with pytest.raises(ValueError, match="1 to 9"):
        to_relations([1, code])
    with pytest.raises(ValueError, match="1 to 9"):
        swap_labels([1, code])
