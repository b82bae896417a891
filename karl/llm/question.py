"""What is asked of a language model, and what an answer is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["Answer", "Message", "Prompt", "Question"]

Message = dict[str, str]
"""One message of a chat: `role` ("system", "user" or "assistant") and `content`."""


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
