"""What is asked of a language model, and what an answer is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

__all__ = ["Answer", "Message", "Prompt", "Question", "ask_again", "chat_of"]

Message = dict[str, str]
"""One message of a chat: `role` ("system", "user" or "assistant") and `content`."""

_LONGEST_CITED: Final = 500


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


@dataclass(frozen=True)
class Answer:
    """The answer to a question.

    Parameters
    ----------
    value : JSON value
        What was read from it; None if it was invalid, after the repair too.
    raw : str
        The answer as it came.
    call : int
        The request that brought it; its number in the vote store.
    """

    value: Any
    raw: str
    call: int


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
