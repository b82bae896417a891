"""Keeping secrets of the environment out of everything that is written or shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial

__all__ = ["redact", "redactor"]

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_SHORTEST = 6
_HIDDEN = "[hidden]"


def redact(text: str) -> str:
    """Replace the values of secret environment variables in a text; see `redactor`."""
    return redactor()(text)


def redactor() -> Callable[[str], str]:
    """Return a function that hides the secrets which the environment holds now.

    Providers echo a wrong key in their messages, whole or cut in the middle;
    what is left of a cut key is recognised by its beginning.
    """
    values = {value for name, value in os.environ.items() if _SECRET_NAME.search(name)}
    secrets = sorted((v for v in values if len(v) >= _SHORTEST), key=len, reverse=True)
    if not secrets:
        return lambda text: text
    whole = [re.escape(secret) for secret in secrets]
    cut = [rf"{re.escape(secret[:_SHORTEST])}[\w-]*\*+[\w*-]*" for secret in secrets]
    return partial(re.compile("|".join([*whole, *cut])).sub, _HIDDEN)
