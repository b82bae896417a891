"""The one place where litellm is called: requests out, completions or clear errors back."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from karl.errors import ConfigError, KarlError
from karl.llm.backend import Backend
from karl.llm.prompt import Message
from karl.llm.redact import redact, redactor

__all__ = ["Completion", "Prices", "Provider", "Refused", "Transient", "Unanswerable"]

# Must stand before the import: else litellm asks the network for its price list.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import litellm
from litellm._internal_context import is_internal_call
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

litellm.suppress_debug_info = True
litellm.drop_params = True

_ANY_SERVER: Final = "hosted_vllm"
_WRAPPING: Final = re.compile(
    r"^(?:litellm\.)?(?:\w+(?:Error|Exception|Timeout)(?:: | - ))+| ssl:<.*?>| ssl:\w+"
)
_PASSING: Final = {408, 409, 429}
_TOO_MANY: Final = 429
_CLIENT_ERRORS: Final = 400
_SERVER_ERRORS: Final = 500
# The provider's own limit should strike first; this one is for connections that hang.
_GRACE_S: Final = 5.0
_LONGEST_MESSAGE: Final = 500
_PER_MILLION: Final = 1e6


async def _send_no_second_time(*_: Any, **__: Any) -> NoReturn:
    """Raise the error that litellm is about to answer by sending the request again.

    It does so unasked after a broken connection, whatever `num_retries` says: a
    call could be billed twice and counted once.
    """
    error = sys.exception()
    assert error is not None  # noqa: S101  only called while one is handled
    raise error


# Later releases of litellm repeat only what never left this machine, and lack the method.
_RESEND: Final = "single_connection_post_request"
if hasattr(AsyncHTTPHandler, _RESEND):
    setattr(AsyncHTTPHandler, _RESEND, _send_no_second_time)


class Transient(Exception):
    """A request failed for the moment.

    Parameters
    ----------
    retry_after : float, optional
        Seconds that the provider asks to wait.
    limited : bool
        Whether the provider is well and only wants fewer requests.
    unsure : bool
        Whether the request may have been answered, and billed, all the same.
    trouble : str
        What kind of failure it was, in a few words.
    """

    def __init__(
        self,
        message: str,
        trouble: str,
        retry_after: float | None = None,
        *,
        limited: bool = False,
        unsure: bool = True,
    ) -> None:
        super().__init__(message)
        self.trouble, self.retry_after = trouble, retry_after
        self.limited, self.unsure = limited, unsure


class Refused(KarlError):
    """A request that will fail however often it is sent."""


class Unanswerable(Exception):
    """The provider will not answer this prompt, while others may be answered."""


@dataclass(frozen=True)
class Completion:
    """An answered request: a text for each choice, and tokens as the provider counted them."""

    texts: list[str]
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True)
class Prices:
    """US dollars per token of prompts and of answers."""

    token_in: float
    token_out: float

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Return US dollars."""
        return tokens_in * self.token_in + tokens_out * self.token_out


class Provider:
    """Sends the requests of one backend through litellm."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._redact = redactor()
        supported = litellm.get_supported_openai_params(model=backend.name) or []
        self.choices = "n" in supported if backend.choices is None else backend.choices
        self.structured = (
            litellm.supports_response_schema(model=backend.name)
            if backend.structured is None
            else backend.structured
        )

    @property
    def prices(self) -> Prices:
        """What the model costs, from the configuration or litellm's price list.

        Raises
        ------
        ConfigError
            If neither knows.
        """
        return _find_prices(self.backend, self._listed())

    def _listed(self) -> dict[str, Any]:
        """Return what litellm's price list says of the model."""
        if None not in (self.backend.price_in_usd_per_mtok, self.backend.price_out_usd_per_mtok):
            return {}
        try:
            return dict(litellm.get_model_info(self.backend.name))
        except Exception:  # litellm raises a bare Exception for a model that it does not list
            return {}

    def check(self) -> None:
        """Make sure that requests can be sent and paid.

        Raises
        ------
        ConfigError
            If the price or a key is missing, or litellm does not know the provider.
        """
        model = self.backend.name
        try:
            _, provider, _, _ = litellm.get_llm_provider(model)
        except litellm.exceptions.BadRequestError as error:
            raise ConfigError(
                f"{model}: litellm knows no such model or provider",
                hint="Set llm.provider and llm.model, such as openai and gpt-4o-mini; llm=vllm is "
                "for any server that speaks OpenAI's protocol.",
            ) from error
        _ = self.prices
        if provider == _ANY_SERVER and self.backend.api_base is None:
            raise ConfigError(
                f"{model}: nobody knows where its server is",
                hint="Set llm.api_base=http://HOST:PORT/v1, or cards.api_base for cards.",
            )
        missing = litellm.validate_environment(model, api_base=self.backend.api_base)[
            "missing_keys"
        ]
        # Of Azure litellm calls all of three missing if one is, the URL and the version too.
        missing = [name for name in missing if name.endswith("KEY") and not os.environ.get(name)]
        if missing:
            raise ConfigError(
                f"{model}: the environment variable {' or '.join(missing)} is not set",
                hint="Set it to your key; keys are read from the environment only. "
                "llm=local and llm=oracle need none.",
            )

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return about how many tokens a prompt has, by a tokenizer on this machine."""
        return int(litellm.token_counter(model=self.backend.name, messages=list(messages)))

    async def complete(
        self, messages: list[Message], schema: dict[str, Any], n: int, max_tokens: int
    ) -> Completion:
        """Send one request.

        Raises
        ------
        Transient
            If it is worth sending again.
        Refused
            If it is not, nor is any other.
        Unanswerable
            If the provider refuses this prompt for its content.
        """
        # Else litellm writes a record of every call for callbacks, of which karl has none: a fifth
        # of its time.
        is_internal_call.set(True)
        request = self._request(messages, schema, n, max_tokens)
        timeout = self.backend.timeout_s
        try:
            async with asyncio.timeout(timeout + _GRACE_S):
                response = await litellm.acompletion(**request)
        except TimeoutError as error:
            raise Transient(f"no answer within {timeout:g} s", "time-out") from error
        except Exception as error:
            raise _translated(error, self.backend) from error
        return self._read(response, messages)

    async def close(self) -> None:
        """Close the connections of this event loop."""
        await litellm.close_litellm_async_clients()  # type: ignore[attr-defined, no-untyped-call]

    def _request(
        self, messages: list[Message], schema: dict[str, Any], n: int, max_tokens: int
    ) -> dict[str, Any]:
        backend = self.backend
        request: dict[str, Any] = {
            "model": backend.name,
            "messages": messages,
            "max_tokens": max_tokens,
            "timeout": backend.timeout_s,
            "num_retries": 0,
            "max_retries": 0,
            "temperature": backend.temperature,
            "api_base": backend.api_base,
            "api_version": backend.api_version,
            "n": n if n > 1 else None,
        }
        request = {name: value for name, value in request.items() if value is not None}
        return request | self._shape(schema) | (backend.params or {})

    def _shape(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the parameter by which a model keeps to a schema, if it can."""
        if not self.structured:
            return {}
        answer = {"name": "answer", "strict": True, "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": answer}}

    def _read(self, response: Any, messages: list[Message]) -> Completion:
        # A model that gives no choice at all said nothing: that is an invalid answer.
        texts = [choice.message.content or "" for choice in response.choices] or [""]
        usage = getattr(response, "usage", None)
        tokens_in = getattr(usage, "prompt_tokens", 0) or self.count_tokens(messages)
        tokens_out = getattr(usage, "completion_tokens", 0) or sum(
            litellm.token_counter(model=self.backend.name, text=text) for text in texts
        )
        return Completion(list(map(self._redact, texts)), int(tokens_in), int(tokens_out))


def _find_prices(backend: Backend, listed: Mapping[str, Any]) -> Prices:
    """Return what a model costs, by its stated prices or else by litellm's list."""

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


def _translated(error: Exception, backend: Backend) -> Exception:
    """Turn what litellm raises into one of three errors."""
    status: int | None = getattr(error, "status_code", None)
    message = redact(_plain(str(error)))[:_LONGEST_MESSAGE]
    if isinstance(error, litellm.exceptions.ContentPolicyViolationError):
        return Unanswerable(message)
    if _has_no_quota(error):
        return Refused(
            f"{backend.name}: the account with the provider has no quota left: {message}",
            hint="Add credit with the provider, then run the same command to go on.",
        )
    # Below the errors: an answer, but half of one.
    if status is None or status < _CLIENT_ERRORS or status in _PASSING or status >= _SERVER_ERRORS:
        answered = _was_answered(error)
        trouble = f"status {status}" if answered else "time-out or broken connection"
        unsure = not answered and not _never_sent(error)
        limited = status == _TOO_MANY
        return Transient(message, trouble, _retry_after(error), limited=limited, unsure=unsure)
    return Refused(
        f"{backend.name} refused the request ({status}): {message}", hint=_ADVICE.get(status or 0)
    )


_ADVICE: Final = {
    400: "If the model has no structured output, set llm.structured=false; if it allows no "
    "several choices, llm.choices=false.",
    401: "Check the key in the environment.",
    403: "The key does not allow this model; check it, or choose another llm.model.",
    404: "Check llm.model and llm.api_base.",
}


def _plain(message: str) -> str:
    """Return what the provider said, without the names that litellm puts around it."""
    line = _WRAPPING.sub("", message.split("\n")[0])
    try:
        return str(json.loads(line)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return line


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _was_answered(error: Exception) -> bool:
    """Whether a server answered with an error status, so that nothing was billed."""
    # Not openai.APIStatusError: litellm derives its error for a broken connection from it as well.
    return any(
        base.__name__ == "HTTPStatusError" for link in _chain(error) for base in type(link).__mro__
    )


def _never_sent(error: Exception) -> bool:
    """Whether no connection was made."""
    # Not httpx.ConnectError: litellm's transport raises it for a reset as well.
    names = {"ClientConnectorError", "ConnectionRefusedError"}
    return any(type(link).__name__ in names for link in _chain(error))


def _has_no_quota(error: Exception) -> bool:
    codes = [getattr(link, "code", None) for link in _chain(error)]
    return "insufficient_quota" in codes or "insufficient_quota" in str(error)


def _retry_after(error: Exception) -> float | None:
    headers = getattr(error, "litellm_response_headers", None) or {}
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):  # none, or a date: rare, and our own pace will do
        return None
