"""What a model costs: as the configuration states it, else as a price list has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from karl.errors import ConfigError
from karl.llm.backend import Backend

__all__ = ["Prices", "find_prices"]

_PER_MILLION: Final = 1e6


@dataclass(frozen=True)
class Prices:
    """US dollars per token of prompts and of answers."""

    token_in: float
    token_out: float

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Return US dollars."""
        return tokens_in * self.token_in + tokens_out * self.token_out


def find_prices(backend: Backend, listed: Mapping[str, Any]) -> Prices:
    """Find out what a model costs, by its stated prices or else by litellm's price list of it.

    Raises
    ------
    ConfigError
        If neither knows.
    """

    def price(stated: float | None, name: str) -> float | None:
        return listed.get(name) if stated is None else stated / _PER_MILLION

    token_in = price(backend.price_in_usd_per_mtok, "input_cost_per_token")
    token_out = price(backend.price_out_usd_per_mtok, "output_cost_per_token")
    if token_in is None or token_out is None:
        raise ConfigError(
            f"nobody knows what the model '{backend.name}' costs",
            hint="State it in US dollars per million tokens: llm.price_in_usd_per_mtok=… "
            "llm.price_out_usd_per_mtok=… (0 means free), or cards.price_… for cards.",
        )
    return Prices(token_in, token_out)
