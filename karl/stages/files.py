"""The files of a run: where they are, and how they are written and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.annotators import Annotation, Usage
from karl.classifiers import Classifier, Model, Parameters
from karl.consensus import Accepted
from karl.datasets import Catalogue, LabelledPairs, Votes
from karl.files import atomic_path, read_json, write_json
from karl.labels import RELATION_NAMES, Relation, to_relations
from karl.stages.artefacts import SEED_ROUND, Artefacts, Predicted

__all__ = ["QUALITY", "InFolder", "RunFiles"]

QUALITY: Final = Path("report/label_quality.json")
_IDS: Final = ("item_id_1", "item_id_2")
_RELATIONS: Final = np.array(RELATION_NAMES)
_VOTE: Final = "vote_"
# Further digits of a probability are those of the processor.
_DECIMALS: Final = 6


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
        """What the annotator said of human-labelled pairs when it was measured."""
        return self.folder / "report" / "gold_votes.csv"

    @property
    def quality(self) -> Path:
        """How good its labels were."""
        return self.folder / QUALITY

    def model(self, number: int) -> Path:
        """The folder of the model fitted at the end of a round; round 0 is the seed."""
        return self._round(number) / "model"

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

    def votes_on_gold(self, number: int) -> Path:
        """Votes on human-labelled pairs, where the consensus wants them."""
        return self._round(number) / "votes_gold.csv"

    def usage(self, number: int) -> Path:
        """Who answered, and what the answers took: calls, tokens, dollars."""
        return self._round(number) / "usage.json"

    def labels(self, number: int) -> Path:
        """All pairs accepted up to a round, with their labels, as its consensus saw them."""
        return self._round(number) / "labels.csv"

    def _round(self, number: int) -> Path:
        return self.folder / ("seed" if number == SEED_ROUND else f"rounds/{number:04d}")


@dataclass(frozen=True)
class InFolder(RunFiles, Artefacts):
    """Keeps artefacts in a run's folder.

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

    def write_hyperparameters(self, parameters: Parameters) -> list[Path]:
        """Keep what the seed stage tuned."""
        write_json(self.hyperparameters, parameters)
        return [self.hyperparameters]

    def read_hyperparameters(self) -> Parameters:
        """Return what the seed stage tuned."""
        return dict(read_json(self.hyperparameters))

    def write_model(self, number: int, model: Model) -> list[Path]:
        """Keep the model of a round."""
        folder = self.model(number)
        model.save(folder)
        # A writer that was killed may have left a hidden file behind.
        visible = (path for path in folder.rglob("*") if not path.name.startswith("."))
        return sorted(path for path in visible if path.is_file())

    def read_model(self, number: int, classifier: Classifier) -> Model:
        """Return the model of a round."""
        return classifier.load(self.model(number))

    def write_selected(
        self, number: int, pairs: NDArray[np.int32], categories: NDArray[np.int32]
    ) -> list[Path]:
        """Keep the selected pairs, and their fine categories."""
        return [self._write(self.selected(number), pairs, {"fine_category": categories})]

    def read_selected(self, number: int) -> NDArray[np.int32]:
        """Return the selected pairs."""
        return self._read(self.selected(number))[1]

    def write_annotation(self, number: int, annotation: Annotation, voter: str) -> list[Path]:
        """Keep the votes of a round, whose they are, and what they took."""
        written = [self.write_votes(self.votes(number), annotation.votes)]
        if annotation.swapped is not None:
            written.append(self.write_votes(self.swapped(number), annotation.swapped))
        write_json(self.usage(number), {"annotator": voter, **asdict(annotation.usage)})
        return [*written, self.usage(number)]

    def read_annotation(self, number: int) -> tuple[Annotation, str]:
        """Return the votes of a round, and whose they are."""
        usage = dict(read_json(self.usage(number)))
        voter = str(usage.pop("annotator"))
        swapped = self.swapped(number)
        return Annotation(
            self.read_votes(self.votes(number)),
            Usage(**usage),
            swapped=self.read_votes(swapped) if swapped.exists() else None,
        ), voter

    def read_usage(self, up_to: int) -> Usage:
        """Return what the annotation of rounds 1 to `up_to` took in all."""
        total = Usage()
        for number in range(1, up_to + 1):
            usage = dict(read_json(self.usage(number)))
            usage.pop("annotator")
            total += Usage(**usage)
        return total.rounded()

    def write_gold_votes(self, number: int, votes: Votes) -> list[Path]:
        """Keep votes on human-labelled pairs."""
        return [self.write_votes(self.votes_on_gold(number), votes)]

    def read_gold_votes(self, number: int) -> Votes:
        """Return votes on human-labelled pairs."""
        return self.read_votes(self.votes_on_gold(number))

    def write_accepted(self, number: int, accepted: Accepted) -> list[Path]:
        """Keep the pairs accepted up to a round."""
        columns: dict[str, Any] = {
            "round": accepted.rounds,
            "label": accepted.labels,
            "relation": _RELATIONS[to_relations(accepted.labels)],
            "weight": accepted.weights,
        }
        if accepted.relations is not None:
            columns |= {_RELATIONS[k]: accepted.relations[:, k] for k in Relation}
        return [self._write(self.labels(number), accepted.pairs, columns)]

    def read_accepted(self, number: int) -> Accepted:
        """Return the pairs accepted up to a round."""
        if number == SEED_ROUND:
            return Accepted.none()
        table, pairs = self._read(self.labels(number))
        soft = table.select(column for column in _RELATIONS if column in table.columns)
        return Accepted(
            pairs,
            table["round"].cast(pl.Int32).to_numpy(),
            table["label"].cast(pl.Int8).to_numpy(),
            table["weight"].cast(pl.Float64).to_numpy(),
            soft.cast(pl.Float64).to_numpy() if soft.width else None,
        )

    def write_evaluation(
        self,
        number: int,
        evaluation: Mapping[str, Any],
        sets: Mapping[str, LabelledPairs],
        predicted: Predicted,
    ) -> list[Path]:
        """Keep scores; of every pair its true relation and its class probabilities."""
        tables = [
            pl.DataFrame(
                {
                    "eval_set": [name] * len(pairs),
                    **self._ids(pairs.items),
                    "truth": _RELATIONS[pairs.relations],
                    **{_RELATIONS[k]: np.round(predicted[name][:, k], _DECIMALS) for k in Relation},
                }
            )
            for name, pairs in sets.items()
        ]
        path = self.predictions(number)
        with atomic_path(path) as temporary:
            pl.concat(tables).write_parquet(temporary)
        write_json(self.evaluation(number), evaluation)
        return [path, self.evaluation(number)]

    def read_evaluation(self, number: int) -> dict[str, Any]:
        """Return the scores of a round's model."""
        return dict(read_json(self.evaluation(number)))

    def write_votes(self, path: Path, votes: Votes) -> Path:
        """Write votes, a row a pair."""
        columns = {f"{_VOTE}{k + 1}": votes.codes[:, k] for k in range(votes.codes.shape[1])}
        return self._write(path, votes.items, columns)

    def read_votes(self, path: Path) -> Votes:
        """Read what `write_votes` wrote."""
        table, pairs = self._read(path)
        names = [name for name in table.columns if name.startswith(_VOTE)]
        return Votes(pairs, table.select(names).cast(pl.Int8).to_numpy())

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
