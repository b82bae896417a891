"""Chats with a language model: their messages, and asking again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from karl.llm.question import Message

__all__ = ["ask_again", "chat_of", "message"]

_LONGEST_CITED: Final = 500


def message(role: str, content: str) -> Message:
    """Return one message of a chat."""
    return {"role": role, "content": content}


def chat_of(system: str, user: str) -> list[Message]:
    """Return the chat in which a model is told what to do, then asked."""
    return [message("system", system), message("user", user)]


def ask_again(chat: Sequence[Message], answer: str, again: str) -> list[Message]:
    """Return the chat that goes on after an invalid answer.

    `again` says what is wrong with it, and what is wanted.
    """
    system, user = chat
    cited = answer.strip()[:_LONGEST_CITED]
    if not cited:  # providers refuse empty messages, some two of a role in a row
        return [system, message("user", f"{user['content']}\n\n{again}")]
    return [system, user, message("assistant", cited), message("user", again)]
