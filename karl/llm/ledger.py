"""The hard limits of a budget: reserved before a call is sent, settled after."""

from __future__ import annotations

import asyncio

from karl.config.settings import Budget
from karl.errors import BudgetExhausted
from karl.llm.records import Usage

__all__ = ["Ledger"]

# Sums of floats that are meant to be equal.
_TOLERANCE_USD = 1e-9


class Ledger:
    """What is spent and what is reserved, so that no concurrency can overshoot.

    Parameters
    ----------
    budget : Budget
        Limits; None is none.
    spent : Usage
        On the account so far.
    held : Usage, optional
        The most that its open batches take.
    """

    def __init__(self, budget: Budget, spent: Usage, held: Usage | None = None) -> None:
        self.budget = budget
        self.spent = spent
        self._reserved = Usage()
        self._held = held or Usage()
        self._changed = asyncio.Condition()

    async def reserve(self, most: Usage) -> None:
        """Reserve the most that a call can take; wait while calls in flight may leave enough.

        Raises
        ------
        BudgetExhausted
            If the call does not fit into what is left and nothing is in flight.
        """
        async with self._changed:
            while refusal := self.refusal(most):
                if self._reserved.calls == 0:
                    raise refusal
                await self._changed.wait()
            self._reserved += most

    async def settle(self, most: Usage, used: Usage) -> None:
        """Turn a reservation into what was really used."""
        async with self._changed:
            self._reserved -= most
            self.spent += used
            self._changed.notify_all()

    def hold(self, most: Usage) -> BudgetExhausted | None:
        """Reserve the most that a call of a batch can take; return why that is not possible.

        Nobody waits for what is held: a batch takes hours.
        """
        refusal = self.refusal(most)
        if refusal is None:
            self._held += most
        return refusal

    def settle_held(self, most: Usage, used: Usage) -> None:
        """Turn what was held into what was really used."""
        self._held -= most
        self.spent += used

    def refusal(self, most: Usage) -> BudgetExhausted | None:
        """Return why something cannot be reserved now, if it cannot."""
        exceeded = self._exceeded(most)
        if exceeded is None:
            return None
        return BudgetExhausted(
            f"{exceeded}; {self.spent.calls:,} calls, {self.spent.tokens:,} tokens and "
            f"USD {self.spent.cost_usd:.4f} are spent, and the next call may take "
            f"{most.tokens:,} tokens and USD {most.cost_usd:.4f}",
            hint="All answers are kept. Raise the limit and run the same command to go on.",
        )

    def _exceeded(self, most: Usage) -> str | None:
        """Return which limit a further call could break."""
        after = self.spent + self._reserved + self._held + most
        limits = self.budget
        if limits.calls is not None and after.calls > limits.calls:
            return f"the budget of {limits.calls:,} calls (budget.calls) is used up"
        if limits.tokens is not None and after.tokens > limits.tokens:
            return f"the budget of {limits.tokens:,} tokens (budget.tokens) is used up"
        if limits.usd is not None and after.cost_usd > limits.usd + _TOLERANCE_USD:
            return f"the budget of USD {limits.usd:g} (budget.usd) is used up"
        return None
