"""The hard limits of a budget: the most that a call can take is reserved before it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final

from karl.config.settings import Budget
from karl.errors import BudgetExhausted
from karl.llm.question import Message, Question
from karl.llm.records import Usage

__all__ = ["Spending", "TokenBound"]

# Sums of floats that are meant to be equal.
_TOLERANCE_USD: Final = 1e-9
# Chat templates put a few tokens around every message, prompts around every question.
_AROUND: Final = 32


class Spending:
    """What an account has spent and reserved, so that no concurrency can overshoot."""

    def __init__(self, budget: Budget, spent: Usage) -> None:
        self.budget = budget
        self.spent = spent
        self._reserved = Usage()
        self._changed = asyncio.Condition()

    async def reserve(self, most: Usage) -> None:
        """Reserve the most that a call can take; wait while calls in flight may leave enough.

        Raises
        ------
        BudgetExhausted
            If the call does not fit into what is left and nothing is in flight.
        """
        async with self._changed:
            while exceeded := self._exceeded(most):
                if self._reserved.calls == 0:
                    raise BudgetExhausted(
                        f"{exceeded}; {self.spent.calls:,} calls, {self.spent.tokens:,} tokens and "
                        f"USD {self.spent.cost_usd:.4f} are spent, and the next call may take "
                        f"{most.tokens:,} tokens and USD {most.cost_usd:.4f}",
                        hint="All answers are kept. Raise the limit and run the same command to "
                        "go on.",
                    )
                await self._changed.wait()
            self._reserved += most

    async def settle(self, most: Usage, used: Usage) -> None:
        """Turn a reservation into what was really used."""
        async with self._changed:
            self._reserved -= most
            self.spent += used
            self._changed.notify_all()

    def _exceeded(self, most: Usage) -> str | None:
        """Return which limit a further call could break."""
        after = self.spent + self._reserved + most
        limits = self.budget
        if limits.calls is not None and after.calls > limits.calls:
            return f"the budget of {limits.calls:,} calls (budget.calls) is used up"
        if limits.tokens is not None and after.tokens > limits.tokens:
            return f"the budget of {limits.tokens:,} tokens (budget.tokens) is used up"
        if limits.usd is not None and after.cost_usd > limits.usd + _TOLERANCE_USD:
            return f"the budget of USD {limits.usd:g} (budget.usd) is used up"
        return None


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
        """Return the bound of one prompt, into which providers put the schema.

        `usual` says that nothing but the questions' content differs from other prompts.
        """
        around = _AROUND * (len(messages) + len(questions))
        if usual and self._seen is not None:
            return self._seen + sum(_bytes(question.content) for question in questions) + around
        whole = sum(_bytes(message["content"]) for message in messages)
        return whole + _bytes(json.dumps(schema)) + around


def _bytes(text: str) -> int:
    return len(text.encode())
