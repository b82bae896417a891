"""A prompt of a few words, which asks the model for a label from 1 to 9."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from karl.llm.prompt import Message, Question

LABEL = {"type": "integer", "enum": list(range(1, 10))}
SYSTEM = "Say how the two items relate, with a label from 1 to 9, as JSON."


@dataclass(frozen=True)
class SmallPrompt:
    """Asks for a label; several questions are one message and one list of labels."""

    kind: str = "label"
    version: str = "small"
    max_tokens: int = 24

    def messages(self, questions: Sequence[Question]) -> list[Message]:
        return _chat(SYSTEM, "\n".join(question.content for question in questions))

    def schema(self, n_questions: int) -> dict[str, Any]:
        if n_questions == 1:
            name, kind = "label", LABEL
        else:
            size = {"minItems": n_questions, "maxItems": n_questions}
            name, kind = "labels", {"type": "array", "items": LABEL, **size}
        return {
            "type": "object",
            "properties": {name: kind},
            "required": [name],
            "additionalProperties": False,
        }

    def parse(self, text: str, n_questions: int) -> list[Any]:
        found = re.search(r"\{.*\}", text, re.DOTALL)
        try:
            answer = json.loads(found.group()) if found else {}
        except ValueError:
            answer = {}
        labels = [answer.get("label")] if n_questions == 1 else answer.get("labels")
        if not isinstance(labels, list) or len(labels) != n_questions:
            return [None] * n_questions
        return [label if label in range(1, 10) else None for label in labels]

    def repair(self, question: Question, answer: str) -> list[Message]:
        # The question comes last, so that the loopback server gives its answer to that.
        return _chat(f"{SYSTEM} This was no answer: {answer}", question.content)


def _chat(system: str, user: str) -> list[Message]:
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]
