"""A language model as annotator, reached through litellm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.annotators.base import Annotation, Annotator, Task, records_of
from karl.annotators.llm.prompt import (
    Example,
    LabelPrompt,
    choose_examples,
    guess_language,
    label_template,
    pair_content,
)
from karl.datasets import Catalogue, Votes, ordered_pair_keys
from karl.datasets.catalogue import TITLE
from karl.labels import NO_LABEL, swap_labels
from karl.llm.backend import Backend
from karl.llm.budget import Usage
from karl.llm.estimate import Estimate
from karl.llm.prompt import Question
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
        prompt = self._prompt(task)
        if len(task.pairs) == 0:
            self.check()
            nothing = Votes(task.pairs, np.empty((0, self.votes), np.int8))
            return Annotation(nothing, Usage(), prompt.version)
        with self.reachable() as backend:
            codes, used = self._ask(backend, prompt, task, task.pairs, self.votes)
            votes, check = Votes(task.pairs, codes), self._swapped_pairs(task)
            if len(check) == 0:
                return Annotation(votes, used, prompt.version)
            codes, used_again = self._ask(backend, prompt, task, check[:, ::-1], 1)
        swapped = Votes(check, swap_labels(codes))
        return Annotation(votes, used + used_again, prompt.version, swapped)

    def estimate(self, task: Task, *, anew: bool = False) -> Estimate:
        """Estimate what annotating would take; see `Annotator.estimate`."""
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
        """Make sure that the model can be asked; see `Annotator.check`."""
        from karl.llm.provider import Provider

        Provider(self).check()

    @contextmanager
    def reachable(self) -> Iterator[Backend]:
        """Give the backend while its server, if it has one of its own, is up."""
        yield self

    def _ask(
        self,
        backend: Backend,
        prompt: LabelPrompt,
        task: Task,
        pairs: NDArray[np.int32],
        votes: int,
    ) -> tuple[NDArray[np.int8], Usage]:
        """Return the votes on pairs, shape (n, votes), and what they took."""
        # Imported here as litellm takes seconds: runs without a model do without it.
        from karl.llm.client import ask

        questions, n = self._questions(task.dataset.catalogue, pairs), self.pairs_per_request
        asked = ask(backend, prompt, questions, task.account, votes=votes, per_request=n)
        codes = [[answer.value or NO_LABEL for answer in row] for row in asked.answers]
        return np.array(codes, np.int8), asked.used

    def _prompt(self, task: Task) -> LabelPrompt:
        catalogue, language = task.dataset.catalogue, self.language
        if language == "auto":
            language = guess_language(catalogue.table[TITLE].head(1000).to_list())
        shown = task.examples.take(choose_examples(task.examples, self.examples, _SEED))
        questions = self._questions(catalogue, shown.items)
        return LabelPrompt(
            label_template(language, self.template),
            self.rationale,
            tuple(
                Example(question.content, label)
                for question, label in zip(questions, shown.labels.tolist(), strict=True)
            ),
        )

    def _questions(self, catalogue: Catalogue, pairs: NDArray[np.integer[Any]]) -> list[Question]:
        return [
            Question((one, two), pair_content(item_1, item_2))
            for (one, item_1), (two, item_2) in records_of(catalogue, pairs, self.columns)
        ]

    def _swapped_pairs(self, task: Task) -> NDArray[np.int32]:
        """Return the pairs that are asked in the other order too, whatever the round."""
        keys = ordered_pair_keys(task.pairs)
        return task.pairs[hash_uniform(keys, derive_seed(_SEED, "swapped")) < self.swapped]
