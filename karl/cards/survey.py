"""Growing a list of categories from a sample of a catalogue's titles.

The sample is shown in chunks, one after the other, each with the list that the
chunks before it made. Only then are cards written, all with the same list: so
nothing depends on the order in which concurrent answers come.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

from karl.cards.categories import MAX_MAJORS, CategoryList
from karl.cards.prompt import survey_content
from karl.datasets import Catalogue
from karl.datasets.catalogue import TITLE
from karl.llm.question import Question

__all__ = ["Survey", "grow", "sample_titles", "typical_categories"]

_TITLES_PER_CHUNK = 60

Answered = Callable[[Question], list[list[str]] | None]
"""Gives the categories that the answer to a question adds; None if there is no answer."""


@dataclass(frozen=True)
class Survey:
    """What came of a survey.

    Parameters
    ----------
    categories : CategoryList
    questions : list of Question
        One for each chunk, each with the list that was known by then.
    n_unanswered : int
        Chunks without an answer.
    """

    categories: CategoryList
    questions: list[Question]
    n_unanswered: int


def sample_titles(catalogue: Catalogue, n: int) -> list[str]:
    """Return at most so many different titles, which depend on no row's position."""
    titles = set(catalogue.texts([TITLE])) - {""}
    return sorted(titles, key=lambda title: (_digest(title), title))[:n]


def grow(titles: list[str], answered: Answered) -> Survey:
    """Let a list of categories grow, chunk by chunk of the titles."""
    categories, questions, n_unanswered = CategoryList({}), [], 0
    for start in range(0, len(titles), _TITLES_PER_CHUNK):
        chunk = titles[start : start + _TITLES_PER_CHUNK]
        question = Question((), survey_content(categories, chunk))
        questions.append(question)
        additions = answered(question)
        n_unanswered += additions is None
        categories = categories.grown_by((major, fine) for major, fine in additions or ())
    return Survey(categories, questions, n_unanswered)


def typical_categories(n_titles: int) -> CategoryList:
    """Return a list of made-up names that is about as long as one grown from so many titles.

    In the stationer's catalogue of the FBL data (4,712 items of 680 fine
    categories), 60, 300 and 1,000 items have 52, 187 and 379 of them.
    """
    n_fine = max(1, min(n_titles, round(10 * math.sqrt(n_titles))))
    return CategoryList.of(
        (f"major category {at % MAX_MAJORS:02d}", f"fine category {at:03d}") for at in range(n_fine)
    )


def _digest(title: str) -> bytes:
    return hashlib.sha256(title.encode()).digest()
