"""How a language model is reached, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from karl.files import hash_json

__all__ = ["Backend", "Transport"]

_SECRET_WORDS = ("key", "token", "secret", "password", "authorization", "credential", "headers")


@dataclass(frozen=True, kw_only=True)
class Transport:
    """How requests reach a model. None of it shapes answers, so it may change during a run.

    Parameters
    ----------
    api_base : str, optional
        URL of the server; the provider's own when left out.
    concurrency : int
        Requests in flight at most.
    timeout_s : float
        Seconds to wait for an answer.
    retries : int
        How often a request that failed for the moment is sent again.
    max_wait_s : float
        Longest wait, in seconds, that a provider may ask for.
    requests_per_minute, tokens_per_minute : int, optional
        Limits of the provider, which are kept by waiting.
    """

    api_base: str | None = None
    concurrency: int = Field(default=16, ge=1, le=1000)
    timeout_s: float = Field(default=60.0, gt=0)
    retries: int = Field(default=6, ge=0)
    max_wait_s: float = Field(default=120.0, gt=0)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)

    @field_validator("api_base")
    @classmethod
    def _holds_no_password(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "")
        if parts.password or parts.query:
            raise ValueError("must hold no password or key: these come from the environment")
        return url


@dataclass(frozen=True, kw_only=True)
class Backend(Transport):
    """A model that litellm reaches. Keys come from the environment only.

    Fields of `Transport` tell how requests reach it.

    Parameters
    ----------
    model : str
        The provider's name of the model.
    provider : str, optional
        litellm's name of the provider, such as `openai`; part of `model` when
        left out.
    api_version : str, optional
        Version of the interface, which Azure asks for.
    temperature : float, optional
        Of sampling; the provider's own when left out.
    max_tokens : int, optional
        Longest answer to one question, in tokens; the prompt's own when left out.
    structured : bool, optional
        Whether the model keeps to a JSON schema; litellm knows when left out.
    choices : bool, optional
        Whether one request may ask for several answers; litellm knows when left out.
    params : dict, optional
        Further parameters of the request, such as `{reasoning_effort: low}`.
    price_in_usd_per_mtok, price_out_usd_per_mtok : float, optional
        US dollars per million tokens of prompts and of answers; litellm's
        price list when left out. 0 is free.
    """

    model: str
    provider: str | None = None
    api_version: str | None = None
    temperature: float | None = Field(default=1.0, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    structured: bool | None = None
    choices: bool | None = None
    params: dict[str, Any] | None = None
    price_in_usd_per_mtok: float | None = Field(default=None, ge=0)
    price_out_usd_per_mtok: float | None = Field(default=None, ge=0)

    @field_validator("params")
    @classmethod
    def _hold_no_key(cls, params: dict[str, Any] | None) -> dict[str, Any] | None:
        for name in _names(params):
            if any(word in name.lower() for word in _SECRET_WORDS) and not name.endswith("tokens"):
                raise ValueError(f"'{name}' is not kept in a configuration: use the environment")
        return params

    @property
    def name(self) -> str:
        """What litellm calls the model: the provider, a slash, and its model."""
        if self.provider is None or self.model.startswith(f"{self.provider}/"):
            return self.model
        return f"{self.provider}/{self.model}"

    @property
    def fingerprint(self) -> str:
        """sha256 over what shapes answers; where and how it is asked does not."""
        return hash_json(
            {
                "model": self.name,
                "temperature": self.temperature,
                "max_tokens": self.max_tokens,
                "params": self.params or {},
            }
        )


def _names(value: Any) -> Iterator[str]:
    """Give all keys of nested values."""
    if isinstance(value, dict):
        yield from map(str, value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        yield from _names(part)
