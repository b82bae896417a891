"""Which classes a configuration may name, settled before any of them is imported.

A run's `config.yaml` may come from somebody else, and what a `_target_` names is
imported and called. So a target counts only if karl itself, the user's own
`--config-dir` or an installed package names it for the group that it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from karl.config.folders import config_folder, existing_folder, read_yaml
from karl.errors import ConfigError

__all__ = [
    "ENTRY_POINTS",
    "TARGET",
    "check_targets",
    "is_strategy",
    "strategy_class",
]

TARGET: Final = "_target_"
"""The key that names the class of a strategy."""

ENTRY_POINTS: Final = "karl.strategies"
"""Group of the entry points by which installed packages name modules with strategies."""

_OWN: Final = "karl"


def check_targets(group: str, settings: Any, config_dir: Path | None = None) -> None:
    """Refuse settings that name anything but strategies of their group; nothing is imported.

    Parameters
    ----------
    group : str
        Of the configuration, such as `sampler`.
    settings : Any
        Of a strategy, with strategies of the same group inside it at any depth.

    Raises
    ------
    ConfigError
        If a target is none of the group's; it names the key.
    """
    folder = None if config_dir is None else existing_folder(config_dir)
    for key, target in _named(group, settings):
        if not _is_dotted(target):
            raise ConfigError(
                f"{key}: {target!r} is no name of a class",
                hint=f"Choose an option: {group}=OPTION; see `karl config`.",
            )
        if not is_strategy(target, group, folder):
            raise _foreign(key, group, target, folder)


def strategy_class(key: str, target: str) -> type:
    """Import the class of a strategy.

    Parameters
    ----------
    key : str
        Where it is named, for messages.
    target : str
        As `check_targets` let it pass.

    Raises
    ------
    ConfigError
        If it cannot be imported, or is no dataclass.
    """
    module, _, name = target.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{key}: '{target}' cannot be imported: {error}",
            hint="Is its folder on the Python path? PYTHONPATH=FOLDER karl …",
        ) from error
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ConfigError(
            f"{key}: '{target}' is no strategy",
            hint="A strategy is a class that is a dataclass, best one of pydantic's.",
        )
    return found


def _named(key: str, settings: Any) -> Iterator[tuple[str, Any]]:
    """Give every target at any depth, with its key."""
    if isinstance(settings, dict):
        if TARGET in settings:
            yield f"{key}.{TARGET}", settings[TARGET]
        for name, value in settings.items():
            yield from _named(f"{key}.{name}", value)
    elif isinstance(settings, list):
        for number, value in enumerate(settings):
            yield from _named(f"{key}.{number}", value)


def _is_dotted(target: Any) -> bool:
    if not isinstance(target, str):
        return False
    parts = target.split(".")
    return len(parts) > 1 and all(map(str.isidentifier, parts))


def is_strategy(target: str, group: str, folder: Path | None = None) -> bool:
    """Whether a dotted name is one of a strategy of a group; nothing is imported."""
    if _is_in(_OWN, target):  # no folder can make a strategy of what karl does not call one
        return target in _own_targets(group)
    module = target.rpartition(".")[0]
    if folder is not None and module in {
        name.rpartition(".")[0] for name in _targets_in(folder, group)
    }:
        return True
    return any(
        _is_in(point.value.partition(":")[0].strip(), module)
        for point in entry_points(group=ENTRY_POINTS)
    )


def _is_in(package: str, name: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@cache
def _own_targets(group: str) -> frozenset[str]:
    """Return the targets that karl's own options of a group name."""
    return frozenset(_targets_in(config_folder(), group))


def _targets_in(folder: Path, group: str) -> Iterator[str]:
    """Give what the options of a group in a folder name as targets, at any depth."""
    for file in sorted((folder / group).rglob("*.yaml")):
        content = read_yaml(file)
        # An option that chooses options of other groups too has its own settings under its group.
        own = content.get(group, content) if isinstance(content, dict) else content
        yield from (target for _, target in _named(group, own) if isinstance(target, str))


def _foreign(key: str, group: str, target: str, folder: Path | None) -> ConfigError:
    if _is_in(_OWN, target):
        return ConfigError(
            f"{key}: '{target}' is no strategy of the group '{group}'",
            hint=f"karl's are: {', '.join(sorted(_own_targets(group)))}.",
        )
    where = "--config-dir" if folder is None else f"--config-dir {folder}"
    return ConfigError(
        f"{key}: '{target}' is neither a strategy of karl's nor from {where}",
        hint=f"Give the --config-dir whose folder '{group}' names it, or install the package "
        "that it is from.",
    )
