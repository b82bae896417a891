"""Requests: which are missing, given the answers that are there, and what answers they bring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from karl.files import hash_json
from karl.llm.backend import Backend
from karl.llm.question import Message, Prompt, Question
from karl.llm.records import Key, NewAnswer, Stored

__all__ = ["Request", "missing_requests", "question_keys", "read_answers", "read_refusal"]


def question_keys(
    backend: Backend, prompt: Prompt, questions: Sequence[Question], votes: int = 1
) -> dict[Question, tuple[Key, ...]]:
    """Return, for each different question, what its votes are kept and found by."""
    return {
        question: tuple((_hash(backend, prompt, question), vote) for vote in range(votes))
        for question in dict.fromkeys(questions)
    }


def _hash(backend: Backend, prompt: Prompt, question: Question) -> str:
    return hash_json([backend.fingerprint, prompt.version, question.content])


@dataclass(frozen=True)
class Request:
    """Some votes on one question, or on each of several, that are asked for together.

    Parameters
    ----------
    keys : tuple of tuple of Key
        For every question the votes that are wanted: one for each choice.
    repairs : bool
        Whether it asks again after an invalid answer.
    """

    questions: tuple[Question, ...]
    keys: tuple[tuple[Key, ...], ...]
    messages: list[Message]
    repairs: bool = False

    @property
    def n_choices(self) -> int:
        """Answers to each question that the request asks for."""
        return len(self.keys[0])

    @property
    def all_keys(self) -> tuple[Key, ...]:
        """Everything that it is to bring."""
        return tuple(key for keys in self.keys for key in keys)


def missing_requests(
    prompt: Prompt,
    left: Mapping[Question, tuple[Key, ...]],
    found: Mapping[Key, Stored],
    *,
    choices: bool,
    per_request: int,
) -> Iterator[Request]:
    """Give the requests that are missing, each built when its turn comes.

    Parameters
    ----------
    left : mapping of Question to tuple of Key
        The votes that lack a final answer.
    found : mapping of Key to Stored
        Answers that are there, the invalid ones to be repaired among them.
    choices : bool
        Whether one request may bring several votes on a question.
    per_request : int
        Questions in one request.
    """
    alike: dict[tuple[int, ...], list[Question]] = {}
    for question, keys in left.items():
        for key in keys:
            if key in found:
                messages = prompt.repair(question, found[key].raw)
                yield Request((question,), ((key,),), messages, repairs=True)
        fresh = tuple(vote for hashed, vote in keys if (hashed, vote) not in found)
        if fresh:
            alike.setdefault(fresh, []).append(question)
    for votes, questions in alike.items():
        for start in range(0, len(questions), per_request):
            together = tuple(questions[start : start + per_request])
            messages = prompt.messages(together)
            for wanted in [votes] if choices else [(vote,) for vote in votes]:
                keys_of = tuple(tuple((left[q][0][0], v) for v in wanted) for q in together)
                yield Request(together, keys_of, messages)


def read_answers(
    prompt: Prompt, model: str, request: Request, texts: Sequence[str]
) -> list[NewAnswer]:
    """Turn choices into answers: choice k of a request is its k-th vote on every question."""
    answers = []
    for choice, text in enumerate(texts[: request.n_choices]):
        values = prompt.parse(text, len(request.questions))
        for question, keys, value in zip(request.questions, request.keys, values, strict=True):
            answers.append(
                _answer(prompt, model, question, keys[choice], value, text, final=request.repairs)
            )
    return answers


def read_refusal(prompt: Prompt, model: str, request: Request, message: str) -> list[NewAnswer]:
    """Turn a refusal to answer a prompt into answers.

    It is the last word on a question, which would be refused again. Of several
    nobody knows which one it was: each is asked once more, by itself.
    """
    final = len(request.questions) == 1
    return [
        _answer(prompt, model, question, key, None, message if final else "", final=final)
        for question, keys in zip(request.questions, request.keys, strict=True)
        for key in keys
    ]


def _answer(
    prompt: Prompt,
    model: str,
    question: Question,
    key: Key,
    value: Any,
    raw: str,
    *,
    final: bool,
) -> NewAnswer:
    return NewAnswer(
        *(key, prompt.kind, question.items, model, prompt.version, value, raw), repaired=final
    )
