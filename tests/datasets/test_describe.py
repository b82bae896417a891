from __future__ import annotations

import os
from pathlib import Path

import pytest
from fbl_files import write_fbl
from table_files import write_shop, write_table

from karl.datasets.fbl import FBL
from karl.datasets.tables import Tables
from karl.demo.source import Demo
from karl.evaluation.describe import describe


def test_annotators_agree_as_published() -> None:
    folder = os.environ.get("KARL_FBL_DIR")
    if not folder:
        pytest.skip("KARL_FBL_DIR is not set: the FBL data set is not here")
    sets = describe(FBL(folder).load()).sets
    on_id, on_ood = sets["id"].on_relations, sets["ood"].on_relations
    assert on_id.macro_f1 == pytest.approx(0.885, abs=5e-4)
    whole = sets["ood"].annotated == 2790
    assert on_ood.macro_f1 == pytest.approx(0.711 if whole else 0.687, abs=1e-3)


def test_a_shop_in_numbers(tmp_path: Path) -> None:
    votes = [
        {"item_id_1": "A1", "item_id_2": "A2", "vote_1": "2", "vote_2": "2"},
        {"item_id_1": "A2", "item_id_2": "A3", "vote_1": "8", "vote_2": "9"},
        {"item_id_1": "A3", "item_id_2": "A4", "vote_1": "8", "vote_2": ""},
        {"item_id_1": "A1", "item_id_2": "A4", "vote_1": "1", "vote_2": "8"},
    ]
    write_table(write_shop(tmp_path) / "votes.csv", votes)
    found = describe(Tables(folder=str(tmp_path)).load())
    assert (found.items, found.fine_categories, found.major_categories) == (4, 3, None)
    assert found.prices == (0.0, 8.9)
    assert (found.has_cards, found.has_oracle) == (False, False)
    part = found.sets["id"]
    assert (part.pairs, part.items, part.annotated) == (3, 4, 0)
    assert part.relations == {"complementary": 1, "substitute": 1, "unrelated": 1}
    assert part.labels == {1: 1, 2: 1} | dict.fromkeys(range(3, 10), 0)
    assert part.on_relations.kappa is part.on_relations.macro_f1 is None
    assert part.notes["rows"] == 3
    assert found.recorded is not None
    assert found.recorded.pairs == 4
    assert found.recorded.unanimous_labels == 0.25
    assert found.recorded.unanimous_relations == 0.5
    assert found.recorded.relations == {"complementary": 1, "substitute": 0, "unrelated": 0}


def test_pairs_without_agreement_count_in_the_agreement(tmp_path: Path) -> None:
    part = describe(FBL(str(write_fbl(tmp_path))).load()).sets["id"]
    assert (part.pairs, part.annotated) == (3, 6)
    assert part.repeated_unordered_pairs == 1
    assert part.conflicts == 0
    assert part.on_labels.kappa is not None
    assert part.on_relations.kappa is not None


def test_the_demo_tells_the_truth_of_any_pair_and_brings_cards() -> None:
    found = describe(Demo(items=600, id_pairs=50, ood_pairs=50).load())
    assert (found.has_oracle, found.has_cards) == (True, True)
