"""Where karl keeps what outlives a run: imported data and computed vectors."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["home", "imported_data"]


def home() -> Path:
    """Return karl's own folder: `KARL_HOME`, or `.karl` in the user's home."""
    return Path(os.environ.get("KARL_HOME") or Path.home() / ".karl").expanduser()


def imported_data(name: str) -> Path:
    """Return the folder that `karl data get|import NAME` fills."""
    return home() / "data" / name
