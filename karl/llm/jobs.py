"""Which requests are missing, given the answers that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from karl.llm.question import Message, Prompt, Question
from karl.llm.records import Key, Stored

__all__ = ["Job", "missing_jobs"]


@dataclass(frozen=True)
class Job:
    """One request: some votes on one question, or on each of several.

    Parameters
    ----------
    questions : tuple of Question
    keys : tuple of tuple of Key
        For every question the votes that are wanted: one for each choice.
    messages : list of Message
    repairs : bool
        Whether it asks again after an invalid answer.
    """

    questions: tuple[Question, ...]
    keys: tuple[tuple[Key, ...], ...]
    messages: list[Message]
    repairs: bool = False

    @property
    def n_choices(self) -> int:
        """Answers that the request asks for."""
        return len(self.keys[0])

    @property
    def all_keys(self) -> tuple[Key, ...]:
        """Everything that it is to bring."""
        return tuple(key for keys in self.keys for key in keys)


def missing_jobs(
    prompt: Prompt,
    left: Mapping[Question, tuple[Key, ...]],
    found: Mapping[Key, Stored],
    *,
    choices: bool,
    per_request: int,
) -> Iterator[Job]:
    """Give the requests that are missing, each built when its turn comes.

    Parameters
    ----------
    prompt : Prompt
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
                yield Job((question,), ((key,),), messages, repairs=True)
        fresh = tuple(vote for hashed, vote in keys if (hashed, vote) not in found)
        if fresh:
            alike.setdefault(fresh, []).append(question)
    for votes, questions in alike.items():
        for start in range(0, len(questions), per_request):
            together = tuple(questions[start : start + per_request])
            messages = prompt.messages(together)
            for wanted in [votes] if choices else [(vote,) for vote in votes]:
                keys_of = tuple(tuple((left[q][0][0], v) for v in wanted) for q in together)
                yield Job(together, keys_of, messages)
