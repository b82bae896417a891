"""Upper bounds of what a request can take, so that a hard limit stays hard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from karl.llm.question import Message, Question

__all__ = ["TokenBound"]

# Chat templates put a few tokens around every message.
_AROUND_A_MESSAGE: Final = 32
_SLACK: Final = 32


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
        self, messages: Sequence[Message], schema: dict[str, Any], questions: Sequence[Question]
    ) -> int:
        """Return the bound of one prompt."""
        texts = [message["content"] for message in messages] + [json.dumps(schema)]
        most = sum(map(_bytes, texts)) + _AROUND_A_MESSAGE * len(messages)
        if self._seen is not None:
            own = sum(_bytes(question.content) for question in questions)
            most = min(most, self._seen + own + _SLACK)
        return most


def _bytes(text: str) -> int:
    return len(text.encode())
