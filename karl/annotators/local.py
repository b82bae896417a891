"""The small language model that is served on this machine, as annotator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.annotators.llm import LLM
from karl.llm.backend import Backend

__all__ = ["LocalLLM"]


@dataclass(frozen=True, kw_only=True)
class LocalLLM(LLM):
    """Serves a model of 135 million parameters for as long as it is asked.

    The whole way of an annotation without a key, a bill or a network: prompts,
    schema, votes and store are those of any other model. Its judgement is
    poor; `karl label --gold` tells how poor.

    Parameters
    ----------
    threads : int, optional
        To compute with; one per core, eight at most, when left out.
    """

    threads: int | None = Field(default=None, ge=1)

    def check(self) -> None:
        """Make sure that server and model are installed."""
        from karl.llm.embedded import check_installed

        check_installed()

    @contextmanager
    def reachable(self) -> Iterator[Backend]:
        """Give the backend while the server is up."""
        from karl.llm.embedded import serve_embedded_model

        with serve_embedded_model(self.threads, parallel=self.concurrency) as url:
            yield replace(self, api_base=url)
