"""Growing a list of categories from a sample of a catalogue's titles.

The sample is shown in chunks, one after the other, each with the list that the
chunks before it made. Only then are cards written, all with the same list: so
nothing depends on the order in which concurrent answers come.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

from karl.cards.categories import MAX_MAJORS, CategoryList, clean_name
from karl.cards.prompt import item_content
from karl.datasets import Catalogue
from karl.datasets.catalogue import FINE, MAJOR, TITLE
from karl.files import hash_json
from karl.llm.prompt import Message, Question, ask_again, chat_of, find_json, object_of
from karl.llm.templates import Template, load_template

__all__ = [
    "Survey",
    "SurveyPrompt",
    "grow",
    "parse_additions",
    "sample_titles",
    "survey_content",
    "typical_categories",
]

_OWN: Final = Path(__file__).parent / "templates" / "survey.j2"
_VARIABLES: Final = {"system": ("max_majors",), "user": ("survey",), "repair": ()}
_TITLES_PER_CHUNK: Final = 60
_ADDITIONS: Final = "additions"

Answered = Callable[[Question], list[list[str]] | None]
"""Gives the categories that the answer to a question adds; None if there is no answer."""


@dataclass(frozen=True)
class SurveyPrompt:
    """Asks which categories some items add to a list; implements `Prompt`.

    The value of an answer is a list of [major, fine]. A question holds the
    list as it is so far, so a survey that is resumed finds its answers again.
    """

    template: Template = field(default_factory=lambda: load_template(_OWN, _VARIABLES))

    kind: ClassVar[str] = "survey"
    max_tokens: ClassVar[int] = 4000

    @cached_property
    def version(self) -> str:
        """sha256 over everything that shapes an answer but a question's content."""
        return hash_json([self.template.text, MAX_MAJORS, self.schema(1)])

    def messages(self, questions: Sequence[Question]) -> list[Message]:
        """Return the chat that asks one question; several would not see each other's answers."""
        (question,) = questions
        system = self.template.render("system", max_majors=MAX_MAJORS)
        return chat_of(system, self.template.render("user", survey=question.content))

    def schema(self, n_questions: int) -> dict[str, Any]:
        """Return the JSON schema of an answer."""
        addition = object_of({name: {"type": "string"} for name in (MAJOR, FINE)})
        return object_of({_ADDITIONS: {"type": "array", "items": addition}})

    def parse(self, text: str, n_questions: int) -> list[list[list[str]] | None]:
        """Read an answer; see `parse_additions`."""
        return [parse_additions(text)]

    def repair(self, question: Question, answer: str) -> list[Message]:
        """Return the chat that asks one question again after an invalid answer."""
        return ask_again(self.messages([question]), answer, self.template.render("repair"))


@dataclass(frozen=True)
class Survey:
    """What came of a survey.

    Parameters
    ----------
    questions : list of Question
        One for each chunk, each with the list that was known by then.
    n_unanswered : int
        Chunks without an answer.
    """

    categories: CategoryList
    questions: list[Question]
    n_unanswered: int


def grow(titles: Sequence[str], answered: Answered) -> Survey:
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


def parse_additions(text: str) -> list[list[str]] | None:
    """Read the categories that an answer adds, as [major, fine]; None if it is no answer.

    An answer may well add nothing.
    """
    values, whole = find_json(text)
    found = [pair for value in values for entry in _entries(value) if (pair := _names(entry))]
    nothing = whole and any(value in ([], {_ADDITIONS: []}) for value in values)
    return found if found or nothing else None


def survey_content(categories: CategoryList, titles: Sequence[str]) -> str:
    """Return what is shown of a survey: the list so far, then titles of items."""
    items = "\n".join(item_content({"title": title}) for title in titles)
    return f"<categories>\n{categories.shown()}\n</categories>\n\n{items}"


def sample_titles(catalogue: Catalogue, n: int) -> list[str]:
    """Return at most so many different titles, which depend on no row's position."""
    titles = set(catalogue.texts([TITLE])) - {""}
    return sorted(titles, key=lambda title: (hashlib.sha256(title.encode()).digest(), title))[:n]


def typical_categories(n_titles: int) -> CategoryList:
    """Return a list of made-up names that is about as long as one grown from so many titles.

    In the stationer's catalogue of the FBL data (4,712 items of 680 fine
    categories), 60, 300 and 1,000 items have 52, 187 and 379 of them.
    """
    n_fine = max(1, min(n_titles, round(10 * math.sqrt(n_titles))))
    return CategoryList.of(
        (f"major category {at % MAX_MAJORS:02d}", f"fine category {at:03d}") for at in range(n_fine)
    )


def _entries(value: Any) -> list[Any]:
    listed = value.get(_ADDITIONS, [value]) if isinstance(value, dict) else value
    return listed if isinstance(listed, list) else []


def _names(entry: Any) -> list[str] | None:
    """Return the two names of an addition as they are written; None if one is no name."""
    given = [entry.get(MAJOR), entry.get(FINE)] if isinstance(entry, dict) else []
    names = [name for text in given if isinstance(text, str) and (name := clean_name(text))]
    return names if len(names) == 2 else None
