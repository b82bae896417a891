"""Every kind of artefact comes back from a folder as it was written, and as from memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from karl.annotators import Usage
from karl.candidates import CandidatePairs
from karl.consensus import Accepted
from karl.datasets import Catalogue, Votes
from karl.errors import KarlError
from karl.stages.artefacts import Artefacts, InFolder, InMemory
from karl.stages.kinds import (
    ACCEPTED,
    EVALUATION,
    GOLD_VOTES,
    HYPERPARAMETERS,
    MEASURED_VOTES,
    PREDICTIONS,
    QUALITY,
    SELECTED,
    SWAPPED_VOTES,
    USAGE,
    VOTES,
    Kind,
)

CATALOGUE = Catalogue(
    pl.DataFrame({"item_id": ["001", "01", 'é, "x"'], "title": ["pen", "cup", "tea"]})
)
PAIRS = np.array([[0, 1], [2, 0]], np.int32)
SOME_VOTES = Votes(PAIRS, np.array([[1, 2, 0], [9, 9, 9]], np.int8))
HARD = Accepted(PAIRS, np.array([1, 2], np.int32), np.array([4, 8], np.int8), np.array([1, 0.1]))
SOFT = Accepted(HARD.pairs, HARD.rounds, HARD.labels, HARD.weights, np.array([[0.1, 0.2, 0.7]] * 2))

VALUES: dict[str, tuple[Kind[Any], Any]] = {
    "hyperparameters": (HYPERPARAMETERS, {"C": 0.1, "kernel": None}),
    "selected": (SELECTED, CandidatePairs(PAIRS, np.array([3, 0], np.int32))),
    "none selected": (SELECTED, CandidatePairs(PAIRS[:0], np.empty(0, np.int32))),
    "votes": (VOTES, SOME_VOTES),
    "swapped": (SWAPPED_VOTES, SOME_VOTES),
    "gold": (GOLD_VOTES, SOME_VOTES),
    "measured": (MEASURED_VOTES, SOME_VOTES),
    "usage": (USAGE, ("gpt", Usage(calls=3, cost_usd=0.1))),
    "accepted": (ACCEPTED, HARD),
    "soft labels": (ACCEPTED, SOFT),
    "none accepted": (ACCEPTED, Accepted.none()),
    "evaluation": (EVALUATION, {"scores": {"id": {"macro_f1": 0.5}}}),
    "predictions": (PREDICTIONS, pl.DataFrame({"eval_set": ["id"], "substitute": [0.25]})),
    "quality": (QUALITY, {"on_labels": {"n_pairs": 2}}),
}


@pytest.mark.parametrize(("kind", "value"), VALUES.values(), ids=list(VALUES))
def test_what_is_written_is_read_back(kind: Kind[Any], value: Any, tmp_path: Path) -> None:
    stores: tuple[Artefacts, ...] = (InMemory(), InFolder(tmp_path, CATALOGUE))
    for store in stores:
        assert not store.has(kind, 2)
        written = store.write(kind, 2, value)
        assert written == ([] if isinstance(store, InMemory) else [kind.path(tmp_path, 2)])
        assert store.has(kind, 2)
        assert plain(store.read(kind, 2)) == plain(value)


def plain(value: Any) -> Any:
    """Return a value in a form that can be compared, types of arrays included."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.tolist()
    if isinstance(value, pl.DataFrame):
        return value.to_dict(as_series=False)
    if isinstance(value, (Votes, Accepted, CandidatePairs)):
        return {name: plain(part) for name, part in vars(value).items()}
    return value


def test_a_round_lies_in_a_folder_of_its_own() -> None:
    run = Path("run")
    assert EVALUATION.path(run) == run / "seed/evaluation.json"
    assert VOTES.path(run, 12) == run / "rounds/0012/votes.csv"
    assert QUALITY.path(run, 12) == run / "report/label_quality.json"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    store = InFolder(tmp_path, CATALOGUE)
    (file,) = store.write(EVALUATION, 1, {})
    file.write_text("{")
    with pytest.raises(KarlError, match=r"rounds/0001/evaluation\.json cannot be read"):
        store.read(EVALUATION, 1)
