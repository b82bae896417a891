"""Settings with every key of their classes: where defaults come from, and what is no key."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python

from karl.config.targets import (
    TARGET,
    check_targets,
    config_folder,
    is_strategy,
    strategy_class,
)
from karl.errors import ConfigError

__all__ = ["completed", "completed_strategy", "default_of"]

# A group, and the folder with groups of the user's own.
_Place = tuple[str, Path | None]


def completed(config: Mapping[str, Any], config_dir: Path | None = None) -> dict[str, Any]:
    """Return a configuration in which every strategy has all keys of its class.

    Values need not be valid; a ConfigError tells of a key that there is not, and of a strategy
    that is none of its group's.
    """
    groups = [path.name for path in sorted(config_folder().iterdir()) if path.is_dir()]
    groups.remove("experiment")  # has no key of its own: it only chooses options of others
    _refuse_unknown("", config, ["seed", *groups])
    for group, settings in config.items():  # all of them before the first is imported
        check_targets(group, settings, config_dir)
    return {
        group: _completed((group, config_dir), group, settings)
        for group, settings in config.items()
    }


def completed_strategy(group: str, settings: Any, config_dir: Path | None = None) -> Any:
    """Return the settings of a group with all keys; see `completed`."""
    check_targets(group, settings, config_dir)
    return _completed((group, config_dir), group, settings)


def default_of(strategy: type, name: str) -> Any:
    """Return the default of a field, an object of Python's; `MISSING` if it has none."""
    (field,) = (field for field in _fields(strategy) if field.name == name)
    if isinstance(field.default, FieldInfo):  # as pydantic's dataclasses have it
        required = field.default.is_required()
        return MISSING if required else field.default.get_default(call_default_factory=True)
    return field.default if field.default_factory is MISSING else field.default_factory()


def _completed(place: _Place, key: str, settings: Any, like: type | None = None) -> Any:
    """Complete settings at any depth; `like` is the class that a field without target has."""
    if isinstance(settings, list):
        return [_completed(place, f"{key}.{n}", value) for n, value in enumerate(settings)]
    if not isinstance(settings, dict):
        return settings
    named = TARGET in settings
    strategy = strategy_class(f"{key}.{TARGET}", settings[TARGET]) if named else like
    if strategy is None:
        return _mapping(place, key, settings)
    names = [field.name for field in _fields(strategy) if field.init]
    _refuse_unknown(key, settings, names)
    defaults = {name: default_of(strategy, name) for name in names}
    classes = {name: type(value) for name, value in defaults.items() if is_dataclass(value)}
    given = {
        name: _completed(place, f"{key}.{name}", value, classes.get(name))
        for name, value in settings.items()
    }
    plain = {
        name: _plain(place, default) for name, default in defaults.items() if name not in given
    }
    return given | {name: value for name, value in plain.items() if value is not MISSING}


def _mapping(place: _Place, key: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Complete what stands in a mapping whose keys are free, such as the parts of an encoder."""
    strategies = [k for k, value in settings.items() if isinstance(value, dict) and TARGET in value]
    if strategies:  # what stands beside them has a wrong name, and so no target
        _refuse_unknown(key, settings, strategies)
    return {name: _completed(place, f"{key}.{name}", value) for name, value in settings.items()}


def _plain(place: _Place, value: Any) -> Any:
    """Return a default as a configuration has it; `MISSING` if there is no plain form."""
    if is_dataclass(value):
        target = f"{type(value).__module__}.{type(value).__qualname__}"
        named = {TARGET: target} if is_strategy(target, *place) else {}
        inner = [field.name for field in fields(value) if field.init]
        return named | {name: _plain(place, getattr(value, name)) for name in inner}
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError:
        return MISSING


def _refuse_unknown(key: str, settings: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse what is no key there; list those that are, and the likely one."""
    unknown = [name for name in settings if name not in (*known, TARGET)]
    if key == "" and TARGET in settings:
        unknown.append(TARGET)
    if not unknown:
        return
    name = str(unknown[0])
    where = f"{key}." if key else ""
    listed = f"'{key}' has" if key else "The keys are"
    hint = f"{listed}: {', '.join(known)}."
    close = difflib.get_close_matches(name, known, n=1)
    raise ConfigError(
        f"there is no configuration key '{where}{name}'",
        hint=f"{hint} Did you mean {where}{close[0]}?" if close else hint,
    )


def _fields(strategy: Any) -> tuple[Field[Any], ...]:
    """Return the fields of a class that is known to be a dataclass."""
    return fields(strategy)
