"""What asking would take, before anything is spent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from karl.llm.backend import Backend
from karl.llm.budget import Account, TokenBound, Usage
from karl.llm.prompt import Message, Prompt, Question
from karl.llm.store import Experience, VoteStore

if TYPE_CHECKING:
    from karl.llm.sender import Request

__all__ = ["Estimate", "estimate"]

# Prompts whose tokens are counted; the others count as their mean.
_SAMPLE: Final = 100
# Where no answer has been seen yet:
_ASSUMED_LATENCY_S: Final = 1.5
_ASSUMED_SHARE_OF_LONGEST: Final = 0.3
_MINUTE_S: Final = 60.0
# What adds up in an estimate: whole numbers, and others.
_COUNTS: Final = ("answers", "stored", "calls", "tokens_in", "tokens_out")
_AMOUNTS: Final = ("cost_usd", "most_usd", "seconds")


@dataclass(frozen=True)
class Estimate:
    """What asking would take.

    Parameters
    ----------
    what : str
        What is asked for.
    answers : int
        Answers that are wanted.
    stored : int
        Those of them that the vote store has: they cost nothing.
    calls : int
        Requests, if no answer is invalid and none fails.
    tokens_in, tokens_out : int
        Expected.
    cost_usd, most_usd : float
        Expected, and if every answer is as long as it may be.
    seconds : float
        Expected, with the configured concurrency and limits.
    measured : bool
        Whether tokens and time follow from earlier answers to the same prompt,
        not from a tokenizer and assumptions.
    """

    what: str
    answers: int
    stored: int
    calls: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    most_usd: float
    seconds: float
    measured: bool

    @classmethod
    def total(cls, parts: Sequence[Estimate]) -> Estimate:
        """Return the sum of several estimates."""
        sums = {name: sum(getattr(part, name) for part in parts) for name in (*_COUNTS, *_AMOUNTS)}
        return cls("total", **sums, measured=all(part.measured for part in parts))

    def times(self, factor: float, what: str) -> Estimate:
        """Return the estimate of so many times as much."""
        counts = {name: round(getattr(self, name) * factor) for name in _COUNTS}
        amounts = {name: getattr(self, name) * factor for name in _AMOUNTS}
        return replace(self, what=what, **counts, **amounts)


def estimate(
    backend: Backend,
    prompt: Prompt,
    questions: Sequence[Question],
    account: Account,
    *,
    votes: int = 1,
    per_request: int = 1,
    anew: bool = False,
) -> Estimate:
    """Estimate what `ask` with the same arguments would take; nothing is sent.

    With `anew`, as if no question had been answered before.

    Raises
    ------
    ConfigError
        If the price of the model is not known.
    """
    # Imported here as litellm takes seconds, and most who add estimates up make none.
    from karl.llm.client import missing_requests, question_keys, unanswered
    from karl.llm.provider import Provider

    provider = Provider(backend)
    prices = provider.prices
    wanted = question_keys(backend, prompt, questions, votes)
    experience, found = None, {}
    if account.store.exists():
        with VoteStore(account.store) as store:
            if not anew:
                found = store.find(key for keys in wanted.values() for key in keys)
            experience = store.experience(backend.name, prompt.version)
    left = unanswered(wanted, found)
    choices = provider.choices
    requests = list(
        missing_requests(backend, prompt, left, found, choices=choices, per_request=per_request)
    )
    most = sum((request.most(TokenBound(), prices) for request in requests), Usage())
    tokens_in = _tokens_in(provider.count_tokens, requests, experience)
    if experience is None:
        tokens_out, latency = _ASSUMED_SHARE_OF_LONGEST * most.tokens_out, _ASSUMED_LATENCY_S
    else:
        n_answers = sum(len(request.all_keys) for request in requests)
        tokens_out = experience.used.tokens_out / experience.answers * n_answers
        latency = experience.latency_s
    n_wanted, n_left = (sum(map(len, keys_of.values())) for keys_of in (wanted, left))
    return Estimate(
        what=f"{prompt.kind}s",
        answers=n_wanted,
        stored=n_wanted - n_left,
        calls=len(requests),
        tokens_in=round(tokens_in),
        tokens_out=round(tokens_out),
        cost_usd=prices.cost(round(tokens_in), round(tokens_out)),
        most_usd=prices.cost(most.tokens_in, most.tokens_out),
        seconds=_seconds(backend, len(requests), tokens_in + tokens_out, latency),
        measured=experience is not None,
    )


def _tokens_in(
    count: Callable[[Sequence[Message]], int],
    requests: Sequence[Request],
    experience: Experience | None,
) -> float:
    """Return the tokens of all prompts: as measured, if those had as many questions each."""
    if experience is not None:
        n_calls = experience.used.calls
        n_questions = sum(len(request.questions) for request in requests)
        if n_questions * n_calls == experience.questions * len(requests):
            return experience.used.tokens_in / n_calls * len(requests)
    step = max(1, len(requests) // _SAMPLE)
    counts = [count(request.messages) for request in islice(requests[::step], _SAMPLE)]
    return sum(counts) / len(counts) * len(requests) if counts else 0.0


def _seconds(backend: Backend, calls: int, tokens: float, latency_s: float) -> float:
    """Return how long it takes: the slowest of concurrency and the provider's limits."""
    takes = [calls * latency_s / backend.concurrency]
    if backend.requests_per_minute is not None:
        takes.append(_MINUTE_S * calls / backend.requests_per_minute)
    if backend.tokens_per_minute is not None:
        takes.append(_MINUTE_S * tokens / backend.tokens_per_minute)
    return max(takes)
