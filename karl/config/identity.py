"""What a configured strategy is, as plain data that can be hashed."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

__all__ = ["identity"]


def identity(value: Any) -> Any:
    """Return class and configuration of a strategy as JSON, equal for those that do the same."""
    if is_dataclass(value) and not isinstance(value, type):
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        return {"class": name} | {
            field.name: identity(getattr(value, field.name)) for field in fields(value)
        }
    if isinstance(value, dict):
        return {str(key): identity(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [identity(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
