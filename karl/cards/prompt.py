"""The words by which a language model is asked for item cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

from karl.cards.card import LISTS, TEXTS, Card, card_form, parse_cards
from karl.cards.categories import OTHER, CategoryList
from karl.datasets.catalogue import FINE, MAJOR
from karl.files import hash_json
from karl.llm.prompt import Message, Question, ask_again, chat_of
from karl.llm.templates import Template, as_data, check_shown_once, load_template

__all__ = ["FIRST", "CardPrompt", "card_template", "item_content"]

_FOLDER: Final = Path(__file__).parent / "templates"
FIRST: Final = "first"
"""Name of the template of version 0.1.0, whose cards say less and may have been paid for."""

_VARIABLES: Final = {
    "system": ("categories", "other", "several"),
    "user": ("items", "several"),
    "repair": ("several",),
}
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

    kind: ClassVar[str] = "card"
    max_tokens: ClassVar[int] = 400

    @cached_property
    def version(self) -> str:
        """sha256 over everything that shapes an answer but a question's content."""
        names = None if self.categories is None else self.categories.majors
        return hash_json([self.template.text, names, self.schema(1), self.schema(2)])

    def messages(self, questions: Sequence[Question]) -> list[Message]:
        """Return the chat that asks one or more questions in one request."""
        several = len(questions) > 1
        items = [question.content for question in questions]
        if several:
            items = [f"Item {number}: {item}" for number, item in enumerate(items, 1)]
        user = self.template.render("user", items="\n".join(items), several=several)
        return chat_of(self._systems[several], user)

    def schema(self, n_questions: int) -> dict[str, Any]:
        """Return the JSON schema of an answer; see `Form.schema`."""
        card: dict[str, Any] = {name: {"type": "string"} for name in TEXTS}
        if self.categories is not None:
            card[MAJOR] = _one_of(self.categories.majors)
            card[FINE] = _one_of(self.categories.fines)
        # Lists that a template does not speak of are not asked for, and stay empty.
        asked = [name for name in LISTS if name in self.template.text]
        card |= {name: {"type": "array", "items": {"type": "string"}} for name in asked}
        return card_form(self.categories).schema(card, n_questions)

    def parse(self, text: str, n_questions: int) -> list[Card | None]:
        """Read an answer; see `parse_cards`."""
        return parse_cards(text, n_questions, self.categories)

    def repair(self, question: Question, answer: str) -> list[Message]:
        """Return the chat that asks one question again after an invalid answer."""
        chat = self.messages([question])
        if card_form(self.categories).is_of_several(answer):
            return chat  # the others are not shown again
        return ask_again(chat, answer, self.template.render("repair", several=False))

    @cached_property
    def _systems(self) -> dict[bool, str]:
        # Long where there are many categories, and the same for every request.
        shown = None if self.categories is None else self.categories.shown()
        return {
            several: self.template.render("system", categories=shown, other=OTHER, several=several)
            for several in (False, True)
        }


def card_template(path: str | None = None) -> Template:
    """Return karl's own template of the prompt, its first version, or the one in a file.

    Raises
    ------
    ConfigError
        If it cannot be read, or makes no prompt that shows each item once.
    """
    own = {None: _FOLDER / "card.j2", FIRST: _FOLDER / "card_first.j2"}
    file = own[path] if path in own else Path(str(path)).expanduser()
    template = load_template(file, _VARIABLES)
    # What is wrong with it is found before the first request is paid.
    question = Question((), item_content({"title": "one"}))
    for categories in (None, CategoryList({"things": ("one", "two")})):
        prompt = CardPrompt(template, categories)
        check_shown_once(question, prompt, template, "items")
        prompt.repair(question, "?")
    return template


def item_content(item: Mapping[str, object]) -> str:
    """Return an item as it is shown: its fields as JSON in a tag; see `as_data`."""
    return f"<item>{as_data(item)}</item>"


def _one_of(names: Iterable[str]) -> dict[str, Any]:
    """Return the schema of a name from a list, or of any text where the list is long."""
    values = list(dict.fromkeys([*names, OTHER]))
    return {"type": "string"} | ({"enum": values} if len(values) <= _MOST_IN_SCHEMA else {})
