"""What is asked of a language model, and the JSON in which it answers.

One question is answered with an object, several with a list of numbered ones.
Models answer with JSON, or with JSON amid prose. Whatever leaves room for doubt
is no answer: asking again costs one call, a wrong answer stays.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

__all__ = [
    "FENCE",
    "Form",
    "Message",
    "Prompt",
    "Question",
    "ask_again",
    "chat_of",
    "find_json",
    "object_of",
    "spoken",
]

Message = dict[str, str]
"""One message of a chat: `role` ("system", "user" or "assistant") and `content`."""

FENCE: Final = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)
"""A line that opens or closes a block of code in Markdown."""

_LONGEST_CITED: Final = 500
_NO_NUMBER: Final = 0

Value = TypeVar("Value")


@dataclass(frozen=True)
class Question:
    """One thing to ask about.

    Parameters
    ----------
    items : tuple of str
        Ids of the items it is about, in the order in which they are shown.
    content : str
        The part of the prompt that is this question's own, as it is sent.
        Two questions of the same content are the same question.
    """

    items: tuple[str, ...] = field(compare=False)
    content: str


class Prompt(Protocol):
    """Words for questions of one kind, and how answers to them are read."""

    @property
    def kind(self) -> str:
        """What is asked for, such as "label" or "card"; one word for the vote store."""
        ...

    @property
    def version(self) -> str:
        """sha256 over everything that shapes an answer but a question's content."""
        ...

    @property
    def max_tokens(self) -> int:
        """How many tokens the answer to one question takes at most."""
        ...

    def messages(self, questions: Sequence[Question]) -> list[Message]:
        """Return the chat that asks one or more questions in one request."""
        ...

    def schema(self, n_questions: int) -> dict[str, Any]:
        """Return the JSON schema of the answer to a request with so many questions."""
        ...

    def parse(self, text: str, n_questions: int) -> list[Any]:
        """Read an answer: a JSON value for each question, None where there is no valid one."""
        ...

    def repair(self, question: Question, answer: str) -> list[Message]:
        """Return the chat that asks one question again after an invalid answer."""
        ...


def chat_of(system: str, user: str) -> list[Message]:
    """Return the chat in which a model is told what to do, then asked."""
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def ask_again(chat: Sequence[Message], answer: str, again: str) -> list[Message]:
    """Return the chat that goes on after an invalid answer.

    `again` says what is wrong with it, and what is wanted.
    """
    system, user = chat
    cited = answer.strip()[:_LONGEST_CITED]
    if not cited:  # providers refuse empty messages, some two of a role in a row
        return chat_of(system["content"], f"{user['content']}\n\n{again}")
    said = {"role": "assistant", "content": cited}
    return [system, user, said, {"role": "user", "content": again}]


@dataclass(frozen=True)
class Form(Generic[Value]):
    """How answers of one kind are laid out.

    Parameters
    ----------
    lists : tuple of str
        What the list of answers to several questions is called; models also
        write the names after the first.
    number : str
        What the number of a question is called in it.
    needed : tuple of str
        An object without any of these keys is no answer.
    read : callable
        Reads one entry, a JSON value; None if it is invalid.
    bare : bool
        Whether an entry may be something else than an object.
    """

    lists: tuple[str, ...]
    number: str
    needed: tuple[str, ...]
    read: Callable[[Any], Value | None]
    bare: bool = False

    def schema(self, answer: dict[str, Any], n_questions: int) -> dict[str, Any]:
        """Return the schema of an answer, in the part of JSON schema that "strict" modes know.

        `answer` has the properties of the answer to one question.
        """
        if n_questions == 1:
            return object_of(answer)
        number = {"type": "integer", "enum": list(range(1, n_questions + 1))}
        entry = object_of({self.number: number} | answer)
        return object_of({self.lists[0]: {"type": "array", "items": entry}})

    def is_of_several(self, text: str) -> bool:
        """Whether an answer is to several questions, valid or not."""
        return f'"{self.lists[0]}"' in text or f'"{self.number}"' in text

    def entries(self, value: Any) -> list[Any]:
        """Return what a JSON value has of answers to one question each."""
        if isinstance(value, dict):
            lists = [value[name] for name in self.lists if isinstance(value.get(name), list)]
            alone = [value] if any(name in value for name in self.needed) else []
            value = lists[0] if lists else alone
        entries = value if isinstance(value, list) else [value]
        return [entry for entry in entries if self.bare or isinstance(entry, dict)]

    def match(
        self, values: Iterable[Any], n_questions: int, *, whole: bool = True
    ) -> list[Value | None]:
        """Return the answer to each question; None where there is none, or two that differ.

        If the values are not `whole`, the order of their entries says nothing.
        """
        given = defaultdict(list)
        for value in values:
            for entry in self.entries(value):
                given[self._number_of(entry)].append(self.read(entry))
        nothing: list[Value | None] = [None] * n_questions
        if given.keys() == {None}:
            if n_questions == 1:
                return [_agreed(given[None])]
            return given[None] if whole and len(given[None]) == n_questions else nothing
        # Numbers that were not asked for may be counted from 0: then all are wrong.
        if not given.keys() <= set(range(1, n_questions + 1)):
            return nothing
        return [_agreed(given[number]) for number in range(1, n_questions + 1)]

    def _number_of(self, entry: Any) -> int | None:
        """Return an entry's number (2, "2", "NAME 2"); None without one, 0 if it is no number."""
        if not isinstance(entry, dict) or self.number not in entry:
            return None
        value = entry[self.number]
        if isinstance(value, str):
            numbered = rf"(?:{self.number}[\s_]?)?([0-9]{{1,4}})"
            found = re.fullmatch(numbered, value.strip(), re.IGNORECASE)
            return int(found[1]) if found else _NO_NUMBER
        return value if isinstance(value, int) and not isinstance(value, bool) else _NO_NUMBER


def object_of(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has these properties and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def spoken(text: str) -> str:
    """Leave out what a reasoning model thinks aloud, which may weigh several answers."""
    if text.lstrip().startswith(("{", "[")):  # then the tag is a part of some text in it
        return text
    thoughts, _, rest = text.rpartition("</think>")
    return rest if thoughts or "<think>" not in text else ""


def find_json(text: str) -> tuple[list[Any], bool]:
    """Return the JSON value that an answer is, or the JSON objects in it, and whether it is whole.

    Keys are trimmed and in lower case; an object that has one twice is broken.
    An answer is whole if no brace is left over. If it is not, what looks like
    an answer may be a quotation, or a part of an answer that is cut off.
    """
    text = spoken(text)
    values, whole = _scan(text)
    if values and whole:
        return values, whole
    # Only now: NFKC makes a quotation mark of a full-width one inside a text.
    others, all_whole = _scan(unicodedata.normalize("NFKC", text))
    return (others, all_whole) if others and all_whole else (values, whole)


def _scan(text: str) -> tuple[list[Any], bool]:
    try:
        return [_DECODER.decode(FENCE.sub("", text).strip())], True
    except (ValueError, RecursionError):
        pass
    values, whole, end = [], True, 0
    while (start := text.find("{", end)) >= 0:
        try:
            value, end = _DECODER.raw_decode(text, start)
            values.append(value)
        except ValueError:
            whole, end = False, start + 1
        except RecursionError:
            return values, False
    return values, whole


def _keyed_once(items: list[tuple[str, Any]]) -> dict[str, Any]:
    values = {key.strip().casefold(): value for key, value in items}
    if len(values) < len(items):
        raise ValueError("a key is given twice")
    return values


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_keyed_once)


def _agreed(answers: Sequence[Value | None]) -> Value | None:
    return answers[0] if answers and all(answer == answers[0] for answer in answers) else None
