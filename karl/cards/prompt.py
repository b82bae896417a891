"""The words by which a language model is asked for item cards and for categories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from karl.cards.categories import MAX_MAJORS, OTHER, CategoryList
from karl.cards.parse import LISTS, TEXTS, Card, parse_additions, parse_cards
from karl.errors import ConfigError
from karl.files import hash_json
from karl.llm.chat import ask_again, message, numbers_to, object_of
from karl.llm.question import Message, Question
from karl.llm.templates import Template, as_data, load_template

__all__ = ["CardPrompt", "SurveyPrompt", "card_template", "item_content", "survey_content"]

_TEMPLATES: Final = Path(__file__).parent / "templates"
_CARD_VARIABLES: Final = {
    "system": ("categories", "other", "several"),
    "user": ("items", "several"),
    "repair": ("several",),
}
_SURVEY_VARIABLES: Final = {"system": ("max_majors",), "user": ("survey",), "repair": ()}
_CARD_TOKENS: Final = 400
_SURVEY_TOKENS: Final = 4000
# Providers allow some hundreds of values in a schema, and slow down with many.
_MOST_IN_SCHEMA: Final = 200


@dataclass(frozen=True)
class CardPrompt:
    """Asks for item cards; implements `Prompt`.

    The value of an answer is a `Card`.

    Parameters
    ----------
    template : Template
        From `card_template`.
    categories : CategoryList, optional
        Where the items' categories are to be chosen from; not asked for when left out.
    """

    template: Template
    categories: CategoryList | None = None

    @property
    def kind(self) -> str:
        """What is asked for."""
        return "card"

    @cached_property
    def version(self) -> str:
        """sha256 over everything that shapes an answer but a question's content."""
        names = None if self.categories is None else self.categories.majors
        return hash_json([self.template.text, names, self.schema(1), self.schema(2)])

    @property
    def max_tokens(self) -> int:
        """How many tokens the answer to one question takes at most."""
        return _CARD_TOKENS

    def messages(self, questions: Sequence[Question]) -> list[Message]:
        """Return the chat that asks one or more questions in one request."""
        several = len(questions) > 1
        contents = [question.content for question in questions]
        if several:
            contents = [f"Item {number}: {text}" for number, text in enumerate(contents, 1)]
        user = self.template.render("user", items="\n".join(contents), several=several)
        return [message("system", self._system(several)), message("user", user)]

    def schema(self, n_questions: int) -> dict[str, Any]:
        """Return the JSON schema of an answer, in the part of it that "strict" modes know."""
        card: dict[str, Any] = {name: {"type": "string"} for name in TEXTS}
        if self.categories is not None:
            card["major_category"] = _one_of(self.categories.majors)
            card["fine_category"] = _one_of(self.categories.fines)
        card |= {name: {"type": "array", "items": {"type": "string"}} for name in LISTS}
        if n_questions == 1:
            return object_of(card)
        number = numbers_to(n_questions)
        return object_of({"cards": {"type": "array", "items": object_of({"item": number} | card)}})

    def parse(self, text: str, n_questions: int) -> list[Card | None]:
        """Read an answer; see `parse_cards`."""
        return parse_cards(text, n_questions, self.categories)

    def repair(self, question: Question, answer: str) -> list[Message]:
        """Return the chat that asks one question again after an invalid answer."""
        chat = self.messages([question])
        if '"cards"' in answer or '"item"' in answer:
            return chat  # it answered several questions, which are not shown again
        return ask_again(chat, answer, self.template.render("repair", several=False))

    def _system(self, several: bool) -> str:
        # Long where there are many categories, and the same for every request.
        if several not in self._rendered:
            shown = None if self.categories is None else self.categories.shown()
            self._rendered[several] = self.template.render(
                "system", categories=shown, other=OTHER, several=several
            )
        return self._rendered[several]

    _rendered: dict[bool, str] = field(default_factory=dict, init=False, repr=False, compare=False)


@dataclass(frozen=True)
class SurveyPrompt:
    """Asks which categories some items add to a list; implements `Prompt`.

    The value of an answer is a list of [major, fine]. A question holds the
    list as it is so far, so a survey that is resumed finds its answers again.
    """

    template: Template = field(
        default_factory=lambda: load_template(_TEMPLATES / "survey.j2", _SURVEY_VARIABLES)
    )

    @property
    def kind(self) -> str:
        """What is asked for."""
        return "survey"

    @cached_property
    def version(self) -> str:
        """sha256 over everything that shapes an answer but a question's content."""
        return hash_json([self.template.text, MAX_MAJORS, self.schema(1)])

    @property
    def max_tokens(self) -> int:
        """How many tokens the answer to one question takes at most."""
        return _SURVEY_TOKENS

    def messages(self, questions: Sequence[Question]) -> list[Message]:
        """Return the chat that asks one question; several would not see each other's answers."""
        (question,) = questions
        system = self.template.render("system", max_majors=MAX_MAJORS)
        user = self.template.render("user", survey=question.content)
        return [message("system", system), message("user", user)]

    def schema(self, n_questions: int) -> dict[str, Any]:
        """Return the JSON schema of an answer."""
        names = ("major_category", "fine_category")
        addition = object_of({name: {"type": "string"} for name in names})
        return object_of({"additions": {"type": "array", "items": addition}})

    def parse(self, text: str, n_questions: int) -> list[list[list[str]] | None]:
        """Read an answer; see `parse_additions`."""
        return [parse_additions(text)]

    def repair(self, question: Question, answer: str) -> list[Message]:
        """Return the chat that asks one question again after an invalid answer."""
        return ask_again(self.messages([question]), answer, self.template.render("repair"))


def card_template(path: str | None = None) -> Template:
    """Return the template of the card prompt.

    Parameters
    ----------
    path : str, optional
        A template to use instead of karl's own.

    Raises
    ------
    ConfigError
        If it cannot be read, or makes no prompt that shows each item once.
    """
    own = _TEMPLATES / "card.j2"
    template = load_template(own if path is None else Path(path).expanduser(), _CARD_VARIABLES)
    # Found before the first request is paid.
    question = Question((), item_content({"title": "one"}))
    for categories in (None, CategoryList({"things": ("one", "two")})):
        prompt = CardPrompt(template, categories)
        for questions in ([question], [question] * 2):
            _, user = prompt.messages(questions)
            if user["content"].count(question.content) != len(questions):
                raise ConfigError(
                    f"{template.file}: block 'user' does not show each item once",
                    hint="Write {{ items }} into it, once.",
                )
        prompt.repair(question, "?")
    return template


def item_content(item: Mapping[str, object]) -> str:
    """Return an item as it is shown: its fields as JSON in a tag; see `as_data`."""
    return f"<item>{as_data(item)}</item>"


def survey_content(categories: CategoryList, titles: Iterable[str]) -> str:
    """Return what is shown of a survey: the list so far, then titles of items."""
    items = "\n".join(item_content({"title": title}) for title in titles)
    return f"<categories>\n{categories.shown()}\n</categories>\n\n{items}"


def _one_of(names: Iterable[str]) -> dict[str, Any]:
    """Return the schema of a name from a list, or of any text where the list is long."""
    values = list(dict.fromkeys([*names, OTHER]))
    return {"type": "string"} | ({"enum": values} if len(values) <= _MOST_IN_SCHEMA else {})
