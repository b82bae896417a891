"""Keeping secrets of the environment out of everything that is written or shown."""

from __future__ import annotations

import os
import re

__all__ = ["redact"]

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_SHORTEST = 6
_HIDDEN = "[hidden]"


def redact(text: str) -> str:
    """Replace the values of secret environment variables in a text.

    Providers echo a wrong key in their messages, whole or cut in the middle;
    what is left of a cut key is recognised by its beginning.
    """
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST:
            text = text.replace(value, _HIDDEN)
            beginning = re.escape(value[:_SHORTEST])
            text = re.sub(rf"{beginning}[\w-]*\*+[\w*-]*", _HIDDEN, text)
    return text
