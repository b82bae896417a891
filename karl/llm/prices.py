"""What a model costs: as the configuration states it, else as a price list has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from karl.errors import ConfigError
from karl.llm.backend import Backend

__all__ = ["Prices", "find_prices"]

_PER_MILLION: Final = 1e6
# What OpenAI and Azure ask for requests in batches.
_BATCH_SHARE: Final = 0.5


@dataclass(frozen=True)
class Prices:
    """US dollars per token of prompts and of answers."""

    token_in: float
    token_out: float

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Return US dollars."""
        return tokens_in * self.token_in + tokens_out * self.token_out


def find_prices(backend: Backend, listed: Mapping[str, Any], *, batch: bool) -> Prices:
    """Find out what a model costs.

    Parameters
    ----------
    backend : Backend
        Its stated prices count; a batch costs half of them.
    listed : mapping
        litellm's price list of the model. It may have prices of batches; else
        they cost half.
    batch : bool
        Whether requests are sent in batches.

    Raises
    ------
    ConfigError
        If neither knows.
    """
    share = _BATCH_SHARE if batch else 1.0

    def price(stated: float | None, name: str) -> float | None:
        if stated is not None:
            return share * stated / _PER_MILLION
        of_batches = listed.get(f"{name}_batches") if batch else None
        usual = listed.get(name)
        return of_batches if of_batches is not None or usual is None else share * usual

    token_in = price(backend.price_in_usd_per_mtok, "input_cost_per_token")
    token_out = price(backend.price_out_usd_per_mtok, "output_cost_per_token")
    if token_in is None or token_out is None:
        raise ConfigError(
            f"nobody knows what the model '{backend.name}' costs",
            hint="State it in US dollars per million tokens: llm.price_in_usd_per_mtok=… "
            "llm.price_out_usd_per_mtok=… (0 means free), or cards.price_… for cards.",
        )
    return Prices(token_in, token_out)
