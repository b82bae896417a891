"""What asking would take, before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from karl.llm.account import Account
from karl.llm.backend import Backend
from karl.llm.bounds import TokenBound
from karl.llm.desk import question_keys
from karl.llm.jobs import Job, missing_jobs
from karl.llm.provider import Provider
from karl.llm.question import Prompt, Question
from karl.llm.quote import Estimate
from karl.llm.records import Experience
from karl.llm.store import VoteStore

__all__ = ["estimate"]

# Prompts whose tokens are counted; the others count as their mean.
_SAMPLE: Final = 100
# Where no answer has been seen yet:
_ASSUMED_LATENCY_S: Final = 1.5
_ASSUMED_SHARE_OF_LONGEST: Final = 0.3
_MINUTE_S: Final = 60.0
# Providers promise the answers of a batch within a day.
_BATCH_S: Final = 86_400.0


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
    provider = Provider(backend)
    wanted = question_keys(backend, prompt, questions, votes)
    keys = [key for of_question in wanted.values() for key in of_question]
    experience: Experience | None = None
    found = {}
    if account.store.exists():
        with VoteStore(account.store) as store:
            found = {} if anew else store.find(keys)
            experience = store.experience(backend.name, prompt.version)
    left = {
        question: tuple(key for key in of_question if key not in found or not found[key].final)
        for question, of_question in wanted.items()
    }
    left = {question: of_question for question, of_question in left.items() if of_question}
    jobs = list(
        missing_jobs(prompt, left, found, choices=provider.choices, per_request=per_request)
    )
    longest = backend.max_tokens or prompt.max_tokens
    most_out = sum(longest * len(job.questions) * job.n_choices for job in jobs)
    tokens_in = _tokens_in(provider, jobs, experience)
    if experience is None:
        tokens_out, latency = _ASSUMED_SHARE_OF_LONGEST * most_out, _ASSUMED_LATENCY_S
    else:
        n_answers = sum(len(job.all_keys) for job in jobs)
        tokens_out = experience.used.tokens_out / experience.answers * n_answers
        latency = experience.latency_s
    bound = TokenBound()
    most_in = sum(
        bound.most(job.messages, prompt.schema(len(job.questions)), job.questions) for job in jobs
    )
    prices = provider.batch_prices if backend.batch else provider.prices
    return Estimate(
        what=f"{prompt.kind}s",
        answers=len(keys),
        stored=len(keys) - sum(map(len, left.values())),
        calls=len(jobs),
        tokens_in=round(tokens_in),
        tokens_out=round(tokens_out),
        cost_usd=prices.cost(round(tokens_in), round(tokens_out)),
        most_usd=prices.cost(most_in, most_out),
        seconds=_seconds(backend, len(jobs), tokens_in + tokens_out, latency),
        measured=experience is not None,
    )


def _tokens_in(provider: Provider, jobs: Sequence[Job], experience: Experience | None) -> float:
    """Return the tokens of all prompts: as measured, if those had as many questions each."""
    if experience is not None:
        n_questions, n_calls = sum(len(job.questions) for job in jobs), experience.used.calls
        if n_questions * n_calls == experience.questions * len(jobs):
            return experience.used.tokens_in / n_calls * len(jobs)
    step = max(1, len(jobs) // _SAMPLE)
    counts = [provider.count_tokens(job.messages) for job in islice(jobs[::step], _SAMPLE)]
    return sum(counts) / len(counts) * len(jobs) if counts else 0.0


def _seconds(backend: Backend, calls: int, tokens: float, latency_s: float) -> float:
    """Return how long it takes: the slowest of concurrency and the provider's limits."""
    if backend.batch:
        return _BATCH_S if calls else 0.0
    takes = [calls * latency_s / backend.concurrency]
    if backend.requests_per_minute is not None:
        takes.append(_MINUTE_S * calls / backend.requests_per_minute)
    if backend.tokens_per_minute is not None:
        takes.append(_MINUTE_S * tokens / backend.tokens_per_minute)
    return max(takes)
