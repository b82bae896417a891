"""A language model as annotator, reached through litellm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.annotators.base import Annotation, Annotator, Task
from karl.annotators.prompt import (
    Example,
    LabelPrompt,
    choose_examples,
    guess_language,
    pair_content,
    template_text,
)
from karl.datasets import Catalogue, Votes, ordered_pair_keys
from karl.datasets.catalogue import ITEM_ID, TITLE
from karl.labels import NO_LABEL, swap_labels
from karl.llm.backend import Backend
from karl.llm.estimate import Estimate
from karl.llm.question import Question
from karl.llm.records import Usage
from karl.seeds import derive_seed, hash_uniform

__all__ = ["LLM"]

_SEED = 0


@dataclass(frozen=True, kw_only=True)
class LLM(Backend, Annotator):
    """Asks a language model for one of the nine labels of each ordered pair.

    Fields of `Backend` tell how the model is reached; these tell what it is
    asked (KARL, arXiv 2509.05564: each pair three times).

    Parameters
    ----------
    votes : int
        Answers to each pair.
    rationale : bool
        Have the label explained before it is given: dearer, at times better.
    examples : int
        Human-labelled training pairs that the prompt shows.
    language : {"auto", "en", "ja"}
        Of the prompt; by default that of the titles.
    template : str, optional
        File of a prompt template of one's own.
    columns : list of str, optional
        Columns of the catalogue that are shown of each item; by default all
        but its id, those of item cards included.
    pairs_per_request : int
        Pairs in one request.
    swapped : float
        Share of the pairs that are asked once more in the other order, which
        shows position bias and decides nothing.
    """

    votes: int = Field(default=3, ge=1)
    rationale: bool = False
    examples: int = Field(default=0, ge=0)
    language: Literal["auto", "en", "ja"] = "auto"
    template: str | None = None
    columns: list[str] | None = None
    pairs_per_request: int = Field(default=1, ge=1, le=50)
    swapped: float = Field(default=0.0, ge=0, le=1)

    @property
    def voter(self) -> str:
        """The model; see `Annotator.voter`."""
        return self.name

    @property
    def costs(self) -> bool:
        """Every answer does; see `Annotator.costs`."""
        return True

    def annotate(self, task: Task) -> Annotation:
        """Ask for votes on pairs; see `Annotator.annotate`."""
        # Imported here as litellm takes seconds: runs without a model do without it.
        from karl.llm.client import ask

        prompt = self._prompt(task)
        if len(task.pairs) == 0:
            self.check()
            nothing = Votes(task.pairs, np.empty((0, self.votes), np.int8))
            return Annotation(nothing, Usage(), prompt.version)
        questions = self._questions(task.dataset.catalogue, task.pairs)
        with self.reachable() as backend:
            asked = ask(
                *(backend, prompt, questions, task.account),
                votes=self.votes,
                per_request=self.pairs_per_request,
            )
            votes = Votes(task.pairs, _codes([[a.value for a in row] for row in asked.answers]))
            check = self._swapped_pairs(task)
            if len(check) == 0:
                return Annotation(votes, asked.used, prompt.version)
            again = ask(
                *(backend, prompt, self._questions(task.dataset.catalogue, check[:, ::-1])),
                task.account,
                per_request=self.pairs_per_request,
            )
        codes = swap_labels(_codes([[a.value for a in row] for row in again.answers]))
        return Annotation(votes, asked.used + again.used, prompt.version, Votes(check, codes))

    def quote(self, task: Task, *, anew: bool = False) -> Estimate:
        """Estimate what annotating would take; see `Annotator.quote`."""
        from karl.llm.estimate import estimate

        pairs = np.concatenate([task.pairs, self._swapped_pairs(task)[:, ::-1]])
        return estimate(
            *(self, self._prompt(task), self._questions(task.dataset.catalogue, pairs)),
            task.account,
            votes=self.votes,
            per_request=self.pairs_per_request,
            anew=anew,
        )

    def check(self) -> None:
        """Make sure that the model can be asked; nothing is sent.

        Raises
        ------
        ConfigError
            If a key, a price or a package is missing.
        """
        from karl.llm.provider import Provider

        Provider(self).check()

    @contextmanager
    def reachable(self) -> Iterator[Backend]:
        """Give the backend while its server, if it has one of its own, is up."""
        yield self

    def _prompt(self, task: Task) -> LabelPrompt:
        language = self.language
        if language == "auto":
            language = guess_language(task.dataset.catalogue.table[TITLE].head(1000).to_list())
        chosen = choose_examples(task.examples, self.examples, _SEED)
        pairs = task.examples.items[chosen]
        contents = [q.content for q in self._questions(task.dataset.catalogue, pairs)]
        labels = task.examples.labels[chosen].tolist()
        return LabelPrompt(
            template=template_text(language, self.template),
            rationale=self.rationale,
            examples=tuple(
                Example(content, label) for content, label in zip(contents, labels, strict=True)
            ),
        )

    def _questions(self, catalogue: Catalogue, pairs: NDArray[np.integer[Any]]) -> list[Question]:
        needed, position = np.unique(pairs, return_inverse=True)
        shown = catalogue.shown(self.columns, "llm.columns")
        records = catalogue.table[needed].select(ITEM_ID, *shown).to_dicts()
        ids = [record.pop(ITEM_ID) for record in records]
        return [
            Question((ids[one], ids[two]), pair_content(records[one], records[two]))
            for one, two in position.reshape(pairs.shape)
        ]

    def _swapped_pairs(self, task: Task) -> NDArray[np.int32]:
        """Return the pairs that are asked in the other order too, whatever the round."""
        keys = ordered_pair_keys(task.pairs)
        return task.pairs[hash_uniform(keys, derive_seed(_SEED, "swapped")) < self.swapped]


def _codes(values: list[list[Any]]) -> NDArray[np.int8]:
    return np.array([[value or NO_LABEL for value in row] for row in values], np.int8)
