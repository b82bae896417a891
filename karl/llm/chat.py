"""What prompts of every kind share: messages, schemas, and asking again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from karl.llm.question import Message

__all__ = ["FENCE", "ask_again", "message", "number_of", "numbers_to", "object_of", "spoken"]

FENCE: Final = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)
"""A line that opens or closes a block of code in Markdown."""

_MOST_QUOTED: Final = 500
_NO_NUMBER: Final = 0


def message(role: str, content: str) -> Message:
    """Return one message of a chat."""
    return {"role": role, "content": content}


def ask_again(chat: Sequence[Message], answer: str, again: str) -> list[Message]:
    """Return the chat that goes on after an invalid answer.

    Parameters
    ----------
    chat : sequence of Message
        What the system says and what was asked.
    answer : str
    again : str
        What is wrong with it, and what is wanted.
    """
    system, user = chat
    quoted = answer.strip()[:_MOST_QUOTED]
    if not quoted:  # providers refuse empty messages, some two of a role in a row
        return [system, message("user", f"{user['content']}\n\n{again}")]
    return [system, user, message("assistant", quoted), message("user", again)]


def object_of(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has these properties and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def numbers_to(highest: int) -> dict[str, Any]:
    """Return the schema of a whole number from 1."""
    return {"type": "integer", "enum": list(range(1, highest + 1))}


def spoken(text: str) -> str:
    """Leave out what a reasoning model thinks aloud, which may weigh several answers."""
    if text.lstrip().startswith(("{", "[")):  # then the tag is a part of some text in it
        return text
    thoughts, _, rest = text.rpartition("</think>")
    return rest if thoughts or "<think>" not in text else ""


def number_of(value: Any, name: str) -> int:
    """Return which of several numbered things an answer means: 2, "2" or "NAME 2"; else 0."""
    if isinstance(value, str):
        found = re.fullmatch(rf"(?:{name}[\s_]?)?([0-9]{{1,4}})", value.strip(), re.IGNORECASE)
        return int(found[1]) if found else _NO_NUMBER
    return value if isinstance(value, int) and not isinstance(value, bool) else _NO_NUMBER
