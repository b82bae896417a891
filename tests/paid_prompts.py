"""All that a prompt sends, as one hash: what was paid is found by it."""

from __future__ import annotations

from collections.abc import Sequence

from karl.files import hash_json
from karl.llm.prompt import Prompt, Question

__all__ = ["hash_of_all_sent"]


def hash_of_all_sent(prompt: Prompt, contents: Sequence[str], answers: Sequence[str]) -> str:
    """Return the hash of messages and schemas for 1 to n questions, and of all repairs."""
    questions = [Question((), content) for content in contents]
    sent = [
        [prompt.messages(questions[:n]), prompt.schema(n)] for n in range(1, len(questions) + 1)
    ]
    repairs = [prompt.repair(questions[0], answer) for answer in answers]
    return hash_json([sent, repairs, prompt.kind, prompt.max_tokens])
