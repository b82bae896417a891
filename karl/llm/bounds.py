"""Upper bounds of what a request can take, so that a hard limit stays hard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from karl.llm.question import Message, Question

__all__ = ["TokenBound"]

# Chat templates put a few tokens around every message, prompts around every question.
_AROUND: Final = 32


class TokenBound:
    """At most how many tokens the prompts of one kind have.

    A token of a byte-level vocabulary stands for at least one byte, so the
    bytes of a prompt are a bound, four times too high or so. Once the provider
    has counted one prompt, a closer one is known: the fixed part, the same in
    all prompts, cannot have more tokens than that whole prompt had.

    Parameters
    ----------
    seen : int, optional
        The fewest tokens that a prompt of this kind was counted to have.
    """

    def __init__(self, seen: int | None = None) -> None:
        self._seen = seen

    def saw(self, tokens: int) -> None:
        """Take note of a provider's count."""
        self._seen = tokens if self._seen is None else min(self._seen, tokens)

    def most(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any],
        questions: Sequence[Question],
        *,
        usual: bool = True,
    ) -> int:
        """Return the bound of one prompt.

        Parameters
        ----------
        messages : sequence of Message
        schema : dict
            Providers put it into the prompt.
        questions : sequence of Question
            What is asked about in it.
        usual : bool
            Whether nothing but the questions' content differs from other prompts.
        """
        around = _AROUND * (len(messages) + len(questions))
        if usual and self._seen is not None:
            return self._seen + sum(_bytes(question.content) for question in questions) + around
        whole = sum(_bytes(message["content"]) for message in messages)
        return whole + _bytes(json.dumps(schema)) + around


def _bytes(text: str) -> int:
    return len(text.encode())
