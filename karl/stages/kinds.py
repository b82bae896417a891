"""What stages make: each kind of artefact once, with its file and how that is written and read.

Item ids, not row numbers, are written, so that the files mean something by themselves. Every
file appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.annotators import Usage
from karl.candidates import CandidatePairs
from karl.classifiers import Classifier, Model
from karl.consensus import Accepted
from karl.datasets import Catalogue, Votes
from karl.files import atomic_path, read_json, write_json
from karl.labels import RELATION_NAMES, Relation, to_relations

__all__ = [
    "ACCEPTED",
    "EVALUATION",
    "GOLD_VOTES",
    "HYPERPARAMETERS",
    "MEASURED_VOTES",
    "PREDICTIONS",
    "QUALITY",
    "SEED_ROUND",
    "SELECTED",
    "SELECTION",
    "SWAPPED_VOTES",
    "USAGE",
    "VOTES",
    "Kind",
    "accepted_columns",
    "id_columns",
    "model_of",
]

SEED_ROUND: Final = 0

T = TypeVar("T")
Pairs = NDArray[np.int32]

_IDS: Final = ("item_id_1", "item_id_2")
_VOTE: Final = "vote_"


@dataclass(frozen=True, eq=False)
class Kind(Generic[T]):
    """A kind of artefact, and how it is written to a path and read back.

    Its file, or folder, is in the folder of a round; with a slash in it, in that of the run.
    """

    file: str
    write: Callable[[Path, T, Catalogue], None]
    read: Callable[[Path, Catalogue], T]

    def path(self, run: Path, number: int = SEED_ROUND) -> Path:
        """Return where it lies in a run's folder."""
        if "/" in self.file:
            return run / self.file
        return run / ("seed" if number == SEED_ROUND else f"rounds/{number:04d}") / self.file


def id_columns(catalogue: Catalogue, pairs: Pairs) -> dict[str, Any]:
    """Return the columns with the ids of both items of some pairs, shape (n, 2)."""
    return {name: catalogue.ids.gather(pairs[:, k]) for k, name in enumerate(_IDS)}


def accepted_columns(accepted: Accepted) -> dict[str, Any]:
    """Return the columns that describe accepted pairs; shares of relations are for soft labels."""
    names = np.array(RELATION_NAMES)[to_relations(accepted.labels)]
    columns = {
        "round": accepted.rounds,
        "label": accepted.labels,
        "relation": pl.Series(names.tolist(), dtype=pl.String),
        "weight": accepted.weights,
    }
    if accepted.relations is not None:
        columns |= {RELATION_NAMES[k]: accepted.relations[:, k] for k in Relation}
    return columns


def _json(
    file: str,
    plain: Callable[[T], Any] = lambda value: value,
    make: Callable[[Any], T] = lambda value: value,
) -> Kind[T]:
    return Kind(
        file,
        lambda path, value, _: write_json(path, plain(value)),
        lambda path, _: read_json(path, make),
    )


def _table(
    file: str,
    divide: Callable[[T], tuple[Pairs, Mapping[str, Any]]],
    join: Callable[[Pairs, pl.DataFrame], T],
) -> Kind[T]:
    """Make a kind that is pairs with something about each, in a table of CSV."""

    def write(path: Path, value: T, catalogue: Catalogue) -> None:
        pairs, columns = divide(value)
        with atomic_path(path) as temporary:
            pl.DataFrame({**id_columns(catalogue, pairs), **columns}).write_csv(temporary)

    def read(path: Path, catalogue: Catalogue) -> T:
        # Ids such as 001071 are text: nothing is inferred.
        table = pl.read_csv(path, infer_schema=False)
        return join(np.stack([catalogue.rows(table[name]) for name in _IDS], axis=1), table)

    return Kind(file, write, read)


def _votes(file: str) -> Kind[Votes]:
    def divide(votes: Votes) -> tuple[Pairs, Mapping[str, Any]]:
        columns = {f"{_VOTE}{k + 1}": votes.codes[:, k] for k in range(votes.codes.shape[1])}
        return votes.items, columns

    def join(pairs: Pairs, table: pl.DataFrame) -> Votes:
        names = [name for name in table.columns if name.startswith(_VOTE)]
        return Votes(pairs, table.select(names).cast(pl.Int8).to_numpy())

    return _table(file, divide, join)


def _accepted(pairs: Pairs, table: pl.DataFrame) -> Accepted:
    soft = table.select(name for name in RELATION_NAMES if name in table.columns)
    return Accepted(
        pairs,
        table["round"].cast(pl.Int32).to_numpy(),
        table["label"].cast(pl.Int8).to_numpy(),
        table["weight"].cast(pl.Float64).to_numpy(),
        soft.cast(pl.Float64).to_numpy() if soft.width else None,
    )


def _write_parquet(path: Path, table: pl.DataFrame, _: Catalogue) -> None:
    with atomic_path(path) as temporary:
        table.write_parquet(temporary)


HYPERPARAMETERS: Final[Kind[dict[str, Any]]] = _json("hyperparameters.json")
"""What the seed stage tuned."""


def model_of(classifier: Classifier) -> Kind[Model]:
    """Return the kind of the model that a classifier fitted at the end of a round."""
    return Kind(
        "model",
        lambda path, model, _: model.save(path),
        lambda path, _: classifier.load(path),
    )


EVALUATION: Final[Kind[dict[str, Any]]] = _json("evaluation.json")
"""Scores of a round's model on every evaluation set, and what it was trained on."""

PREDICTIONS: Final[Kind[pl.DataFrame]] = Kind(
    "predictions.parquet", _write_parquet, lambda path, _: pl.read_parquet(path)
)
"""What it predicted for every pair of every evaluation set."""

SELECTED: Final = _table(
    "selected.csv",
    lambda selected: (selected.pairs, {"fine_category": selected.categories}),
    lambda pairs, table: CandidatePairs(pairs, table["fine_category"].cast(pl.Int32).to_numpy()),
)
"""Pairs that a round sends to the annotator, the most wanted first."""

SELECTION: Final[Kind[dict[str, float]]] = _json("selection.json")
"""What the selection is made of, where the sampler says it."""

VOTES: Final = _votes("votes.csv")
"""What the annotator answered."""

SWAPPED_VOTES: Final = _votes("votes_swapped.csv")
"""Votes from asking with the items exchanged, mapped back, where there are any."""

GOLD_VOTES: Final = _votes("votes_gold.csv")
"""Votes on human-labelled pairs, where the consensus wants them."""

USAGE: Final[Kind[tuple[str, Usage]]] = _json(
    "usage.json",
    lambda asked: {"annotator": asked[0], **asdict(asked[1])},
    lambda value: (value.pop("annotator"), Usage(**value)),
)
"""Who answered, and what the answers took: calls, tokens, dollars."""

ACCEPTED: Final = _table(
    "labels.csv", lambda accepted: (accepted.pairs, accepted_columns(accepted)), _accepted
)
"""All pairs accepted up to a round, with their labels, as its consensus saw them."""

MEASURED_VOTES: Final = _votes("report/gold_votes.csv")
"""What the annotator said of human-labelled pairs when it was measured."""

QUALITY: Final[Kind[dict[str, Any]]] = _json("report/label_quality.json")
"""How good its labels were."""
