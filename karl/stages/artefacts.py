"""The files of a run: where they are, and how they are written and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.annotators import Annotation, Usage
from karl.datasets import Catalogue, LabelledPairs, Votes, pair_keys
from karl.files import atomic_path, write_json
from karl.labels import NO_LABEL, RELATION_NAMES, Relation, to_relations

__all__ = ["QUALITY", "SEED_ROUND", "Artefacts", "RunFiles"]

SEED_ROUND = 0
QUALITY = Path("report/label_quality.json")
_IDS = ("item_id_1", "item_id_2")
_RELATIONS = np.array(RELATION_NAMES)


@dataclass(frozen=True)
class RunFiles:
    """Where the artefacts in a run's folder are.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """

    folder: Path

    @property
    def hyperparameters(self) -> Path:
        """What the seed stage tuned."""
        return self.folder / "seed" / "hyperparameters.json"

    @property
    def gold_votes(self) -> Path:
        """What the annotator said of human-labelled pairs."""
        return self.folder / "report" / "gold_votes.csv"

    @property
    def quality(self) -> Path:
        """How good its labels were."""
        return self.folder / QUALITY

    def model(self, number: int) -> Path:
        """The folder of the model fitted at the end of a round; round 0 is the seed."""
        return self._round(number) / "model"

    def model_files(self, number: int) -> list[Path]:
        """All files of a round's model, in order, but for what was left half written."""
        found = self.model(number).rglob("[!.]*")
        return sorted(path for path in found if path.is_file())

    def evaluation(self, number: int) -> Path:
        """Scores of a round's model on every evaluation set."""
        return self._round(number) / "evaluation.json"

    def predictions(self, number: int) -> Path:
        """What a round's model predicted for every pair of every evaluation set."""
        return self._round(number) / "predictions.parquet"

    def selected(self, number: int) -> Path:
        """Pairs that a round sends to the annotator, the most wanted first."""
        return self._round(number) / "selected.csv"

    def votes(self, number: int) -> Path:
        """What the annotator answered."""
        return self._round(number) / "votes.csv"

    def swapped(self, number: int) -> Path:
        """Votes from asking with the items exchanged, mapped back, where there are any."""
        return self._round(number) / "votes_swapped.csv"

    def usage(self, number: int) -> Path:
        """What the answers took: calls, tokens, dollars."""
        return self._round(number) / "usage.json"

    def labels(self, number: int) -> Path:
        """Pairs that the consensus accepted, with their labels."""
        return self._round(number) / "labels.csv"

    @staticmethod
    def read_json(path: Path) -> Any:
        """Return the content of a JSON artefact."""
        return json.loads(path.read_text(encoding="utf-8"))

    def _round(self, number: int) -> Path:
        return self.folder / ("seed" if number == SEED_ROUND else f"rounds/{number:04d}")


@dataclass(frozen=True)
class Artefacts(RunFiles):
    """Reads and writes the artefacts in a run's folder.

    Item ids, not row numbers, are written, so that the files mean something
    by themselves. Every file appears whole or not at all.

    Parameters
    ----------
    folder : Path
        The run's folder.
    catalogue : Catalogue
        Maps item ids to row numbers.
    """

    catalogue: Catalogue

    def write_selected(
        self, number: int, pairs: NDArray[np.int32], categories: NDArray[np.int32]
    ) -> Path:
        """Write the selected pairs, shape (n, 2), and their fine categories, (n,)."""
        return self._write(self.selected(number), pairs, {"fine_category": categories})

    def read_selected(self, number: int) -> NDArray[np.int32]:
        """Return the selected pairs, shape (n, 2)."""
        return self._read(self.selected(number))[1]

    def asked_keys(self, up_to: int) -> list[NDArray[np.int64]]:
        """Return the keys of the pairs selected in rounds 1 to `up_to`."""
        return [pair_keys(self.read_selected(number)) for number in range(1, up_to + 1)]

    def write_annotation(self, number: int, annotation: Annotation) -> list[Path]:
        """Write all votes and what they took."""
        write_json(self.usage(number), asdict(annotation.usage))
        written = [self.write_votes(self.votes(number), annotation.votes), self.usage(number)]
        if annotation.swapped is not None:
            written.append(self.write_votes(self.swapped(number), annotation.swapped))
        return written

    def write_votes(self, path: Path, votes: Votes) -> Path:
        """Write votes, a row a pair."""
        columns = {f"vote_{k + 1}": votes.codes[:, k] for k in range(votes.codes.shape[1])}
        return self._write(path, votes.items, columns)

    def read_usage(self, up_to: int) -> Usage:
        """Return what the annotation of rounds 1 to `up_to` took in all."""
        total = Usage()
        for number in range(1, up_to + 1):
            total += Usage(**self.read_json(self.usage(number)))
        return total.rounded()

    def write_labels(self, number: int, pairs: NDArray[np.int32], labels: NDArray[np.int8]) -> Path:
        """Write the pairs that were accepted, those with a label."""
        accepted = labels != NO_LABEL
        relations = _RELATIONS[to_relations(labels[accepted])]
        columns = {"label": labels[accepted], "relation": relations}
        return self._write(self.labels(number), pairs[accepted], columns)

    def read_labels(self, up_to: int) -> list[LabelledPairs]:
        """Return the accepted pairs of each of the rounds 1 to `up_to`."""
        found = []
        for number in range(1, up_to + 1):
            table, pairs = self._read(self.labels(number))
            labels = table["label"].cast(pl.Int8).to_numpy()
            found.append(LabelledPairs(pairs, to_relations(labels), labels, "llm"))
        return found

    def write_predictions(
        self,
        number: int,
        evaluation: Mapping[str, LabelledPairs],
        predicted: Mapping[str, NDArray[np.floating]],
    ) -> Path:
        """Write true relations and class probabilities, shape (n, 3), of the evaluation sets."""
        tables = [
            pl.DataFrame(
                {
                    "eval_set": [name] * len(pairs),
                    **self._ids(pairs.items),
                    "truth": _RELATIONS[pairs.relations],
                    **{_RELATIONS[k]: np.round(predicted[name][:, k], 6) for k in Relation},
                }
            )
            for name, pairs in evaluation.items()
        ]
        path = self.predictions(number)
        with atomic_path(path) as temporary:
            pl.concat(tables).write_parquet(temporary)
        return path

    def _write(self, path: Path, pairs: NDArray[np.int32], columns: dict[str, Any]) -> Path:
        with atomic_path(path) as temporary:
            pl.DataFrame({**self._ids(pairs), **columns}).write_csv(temporary)
        return path

    def _ids(self, pairs: NDArray[np.int32]) -> dict[str, pl.Series]:
        return {name: self.catalogue.ids.gather(pairs[:, k]) for k, name in enumerate(_IDS)}

    def _read(self, path: Path) -> tuple[pl.DataFrame, NDArray[np.int32]]:
        # Ids such as 001071 are text: nothing is inferred.
        table = pl.read_csv(path, infer_schema=False)
        return table, np.stack([self.catalogue.rows(table[name]) for name in _IDS], axis=1)
