"""Batches of one backend: requests out as a file, answers back as files.

Requests are what litellm would send and errors are read as it reads them, but
files and batches go through OpenAI's client, which litellm itself uses for them:
litellm leaves connections open at every call and loads answers twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final

from karl.errors import ConfigError
from karl.llm.backend import Backend
from karl.llm.provider import Completion, Provider, Transient, translated
from karl.llm.question import Message
from karl.llm.redact import redact, redactor

# After the provider's module, which tells litellm to stay off the network when imported.
import httpx  # isort: skip
import litellm  # isort: skip
import openai  # isort: skip
from openai.types import Batch  # isort: skip

__all__ = ["BatchClient", "Line", "Status"]

_ENDPOINT: Final = "/v1/chat/completions"
_AZURE_ENDPOINT: Final = "/chat/completions"
_TOKEN: Final = "karl"  # noqa: S105  a name in the metadata of a batch
_NO_KEY: Final = "none"
_OK: Final = 200
_UNKNOWN: Final = 500
_PAGE: Final = 100
# Files of 100 MB take their time.
_FILE_TIMEOUT_S: Final = 600.0
# Clocks differ: a batch may seem to be older than the request that created it.
_CLOCKS_S: Final = 3600.0
_ENDED: Final = {"completed", "failed", "expired", "cancelled"}


@dataclass(frozen=True)
class Status:
    """How far the provider is with a batch.

    Parameters
    ----------
    provider_id : str
    state : str
        In the provider's words.
    done : int
        Requests that were answered or failed.
    files : tuple of str
        Where answers and errors lie.
    message : str
        What is wrong with the batch as a whole.
    """

    provider_id: str
    state: str
    done: int
    files: tuple[str, ...]
    message: str

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in _ENDED


@dataclass(frozen=True)
class Line:
    """What came of one request of a batch.

    Parameters
    ----------
    call : int
    completion : Completion, optional
        The answer; where nobody counted the tokens of the prompt, these are 0.
    error : Exception, optional
        Else `Transient`, `Refused` or `Unanswerable`.
    """

    call: int
    completion: Completion | None = None
    error: Exception | None = None


class BatchClient:
    """Creates and collects batches; a context, at whose end connections are closed.

    Parameters
    ----------
    provider : Provider
    backend : Backend
        The provider's, or one that differs in where batches lie.

    Raises
    ------
    ConfigError
        If a key or a URL is missing.
    """

    def __init__(self, provider: Provider, backend: Backend) -> None:
        self._provider, self._backend = provider, backend
        self._model, self._kind, _, _ = litellm.get_llm_provider(backend.name)
        self._endpoint: Any = _AZURE_ENDPOINT if self._kind == "azure" else _ENDPOINT
        self._redact = redactor()
        try:
            self._client = _client(self._kind, backend)
        except openai.OpenAIError as error:
            raise ConfigError(f"{backend.name}: {redact(str(error))}") from error

    async def __aenter__(self) -> BatchClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.close()

    def options(self, n_choices: int, schema: dict[str, Any], max_tokens: int) -> dict[str, Any]:
        """Return all of a request but its chat, as litellm would send it by itself."""
        options = {
            "max_tokens": max_tokens,
            "temperature": self._backend.temperature,
            "n": n_choices if n_choices > 1 else None,
            **self._provider.shape(schema),
            **(self._backend.params or {}),
        }
        mapped = litellm.get_optional_params(
            model=self._model,
            custom_llm_provider=self._kind,
            drop_params=True,
            **{name: value for name, value in options.items() if value is not None},
        )
        body = {name: value for name, value in mapped.items() if name != "stream"}
        extra = body.pop("extra_body", None) or {}
        return {"model": self._model} | body | extra

    @staticmethod
    def body(messages: Sequence[Message], options: Mapping[str, Any]) -> bytes:
        """Return a request in whole."""
        return json.dumps({**options, "messages": list(messages)}, ensure_ascii=False).encode(
            errors="replace"
        )

    def line(self, call: int, body: bytes) -> bytes:
        """Return a request as a line of a batch's file."""
        head = {"custom_id": str(call), "method": "POST", "url": self._endpoint}
        return json.dumps(head).encode()[:-1] + b', "body": ' + body + b"}\n"

    async def upload(self, content: bytes) -> str:
        """Send a file of requests; return the provider's name for it.

        Raises
        ------
        Transient
            If it is worth sending again; sending twice does no harm.
        Refused
        """
        try:
            file = await self._client.files.create(
                file=("karl.jsonl", content), purpose="batch", timeout=_FILE_TIMEOUT_S
            )
        except Exception as error:
            raise translated(error, self._backend) from error
        return file.id

    async def create(self, file: str, token: str) -> Status:
        """Have a file of requests answered.

        Raises
        ------
        Transient
            If it is worth trying again, once `find` does not find it.
        Refused
        """
        try:
            batch = await self._client.batches.create(
                completion_window="24h",
                endpoint=self._endpoint,
                input_file_id=file,
                metadata={_TOKEN: token},
            )
        except Exception as error:
            raise translated(error, self._backend) from error
        return _status(batch)

    async def look(self, provider_id: str) -> Status | None:
        """Return how far a batch is; None if the provider does not know it.

        Raises
        ------
        Transient
        Refused
        """
        try:
            batch = await self._client.batches.retrieve(provider_id)
        except openai.NotFoundError:
            return None
        except Exception as error:
            raise translated(error, self._backend) from error
        return _status(batch)

    async def find(self, token: str, since: str) -> Status | None:
        """Look for a batch by its token among those that were created since some time.

        Raises
        ------
        Transient
        Refused
        """
        oldest = datetime.fromisoformat(since).timestamp() - _CLOCKS_S
        try:
            # The latest first, page after page.
            async for batch in self._client.batches.list(limit=_PAGE):
                if (batch.metadata or {}).get(_TOKEN) == token:
                    return _status(batch)
                if batch.created_at < oldest:
                    return None
        except Exception as error:
            raise translated(error, self._backend) from error
        return None

    async def lines(self, status: Status) -> list[Line]:
        """Return what came of the requests of a batch that has ended, in any order.

        Raises
        ------
        Transient
        Refused
        """
        found = []
        for file in status.files:
            try:
                response = await self._client.files.content(file, timeout=_FILE_TIMEOUT_S)
            except Exception as error:
                raise translated(error, self._backend) from error
            found += list(self._read(response.content))
        return found

    def _read(self, content: bytes) -> Iterator[Line]:
        for text in content.splitlines():
            try:
                line = json.loads(text)
                call = int(line["custom_id"])
            except (ValueError, KeyError, TypeError):  # as if it had not come
                continue
            response = line.get("response") or {}
            status, body = response.get("status_code"), response.get("body") or {}
            if line.get("error") or status != _OK:
                error = body.get("error") or line.get("error") or {}
                yield Line(call, error=self._error(status or _UNKNOWN, error))
            else:
                yield Line(call, self._completion(body))

    def _completion(self, body: dict[str, Any]) -> Completion:
        choices = body.get("choices") or [{}]
        texts = [(choice.get("message") or {}).get("content") or "" for choice in choices]
        usage = body.get("usage") or {}
        tokens_out = usage.get("completion_tokens") or sum(
            litellm.token_counter(model=self._backend.name, text=text) for text in texts
        )
        return Completion(
            list(map(self._redact, texts)), int(usage.get("prompt_tokens") or 0), int(tokens_out)
        )

    def _error(self, status: int, error: Any) -> Exception:
        """Return what a request that failed by itself would have raised."""
        body = error if isinstance(error, dict) else {"message": str(error)}
        request = httpx.Request("POST", f"http://batch{_ENDPOINT}")
        response = httpx.Response(status, json={"error": body}, request=request)
        message = f"status {status}: {body.get('message') or body.get('code') or 'no message'}"
        try:
            try:
                raise openai.APIStatusError(message, response=response, body=body)
            except openai.APIStatusError as raised:
                litellm.exception_type(
                    model=self._model, original_exception=raised, custom_llm_provider=self._kind
                )
                raise
        except Exception as raised:
            found = translated(raised, self._backend)
        if isinstance(found, Transient):  # a provider that says so does not bill it
            return Transient(str(found), f"status {status}", unsure=False)
        return found


def _client(kind: str, backend: Backend) -> openai.AsyncOpenAI:
    """Return OpenAI's client with what litellm takes from the environment."""
    # A batch that is created twice is paid twice: whoever repeats a request must look first.
    how: dict[str, Any] = {"max_retries": 0, "timeout": backend.timeout_s}

    def variable(*names: str) -> str | None:
        return next((os.environ[name] for name in names if os.environ.get(name)), None)

    if kind == "azure":
        return openai.AsyncAzureOpenAI(
            azure_endpoint=backend.api_base or variable("AZURE_API_BASE") or "",
            api_version=backend.api_version
            or variable("AZURE_API_VERSION")
            or litellm.AZURE_DEFAULT_API_VERSION,
            api_key=variable("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
            azure_ad_token=variable("AZURE_AD_TOKEN"),
            **how,
        )
    if kind == "openai":
        url = backend.api_base or variable("OPENAI_BASE_URL", "OPENAI_API_BASE")
        return openai.AsyncOpenAI(
            base_url=url, organization=variable("OPENAI_ORGANIZATION", "OPENAI_ORG_ID"), **how
        )
    url = backend.api_base or variable("HOSTED_VLLM_API_BASE")
    if url is None:  # the client would ask OpenAI
        raise ConfigError("llm.api_base is missing", hint="Set it to the server's URL.")
    return openai.AsyncOpenAI(
        base_url=url, api_key=variable("HOSTED_VLLM_API_KEY") or _NO_KEY, organization="", **how
    )


def _status(batch: Batch) -> Status:
    counts = batch.request_counts
    done = 0 if counts is None else (counts.completed or 0) + (counts.failed or 0)
    files = [file for file in (batch.output_file_id, batch.error_file_id) if file]
    errors = getattr(batch.errors, "data", None) or ()
    message = redact("; ".join(str(error.message) for error in errors))
    return Status(batch.id, batch.status, done, tuple(files), message)
