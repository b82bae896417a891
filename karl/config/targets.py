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

import yaml

from karl.errors import ConfigError

__all__ = [
    "TARGET",
    "check_targets",
    "config_folder",
    "existing_folder",
    "is_strategy",
    "read_yaml",
    "strategy_class",
]

TARGET: Final = "_target_"
"""The key that names the class of a strategy."""

# Group of the entry points by which installed packages name modules with strategies.
_ENTRY_POINTS: Final = "karl.strategies"
_OWN: Final = "karl"
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def config_folder() -> Path:
    """Return the folder of the Hydra groups: packaged, or the checkout's `conf/`."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "conf"
    return packaged if packaged.is_dir() else package.parent / "conf"


def existing_folder(config_dir: Path) -> Path:
    """Return the absolute path of a folder with the user's own groups, or raise a ConfigError."""
    if not config_dir.is_dir():
        raise ConfigError(f"--config-dir: there is no folder {config_dir}")
    return config_dir.resolve()


def read_yaml(file: Path, hint: str | None = None) -> Any:
    """Return what a YAML file holds, where ${…} has no meaning; else raise a ConfigError."""
    try:
        # OmegaConf's own reader takes forty times as long.
        return yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506  a safe one
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{file} cannot be read: {error}", hint=hint) from error


def check_targets(group: str, settings: Any, config_dir: Path | None = None) -> None:
    """Refuse settings that name anything but strategies of their group, at any depth.

    Nothing is imported; a ConfigError names the key.
    """
    folder = None if config_dir is None else existing_folder(config_dir)
    for key, target in _named(group, settings):
        parts = target.split(".") if isinstance(target, str) else []
        if len(parts) < 2 or not all(map(str.isidentifier, parts)):
            raise ConfigError(
                f"{key}: {target!r} is no name of a class",
                hint=f"Choose an option: {group}=OPTION; see `karl config`.",
            )
        if not is_strategy(target, group, folder):
            raise _foreign(key, group, target, folder)


def strategy_class(key: str, target: str) -> type:
    """Import the class of a strategy that `check_targets` let pass.

    A ConfigError says under which key it is named, if it cannot be imported or is no dataclass.
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


def is_strategy(target: str, group: str, folder: Path | None = None) -> bool:
    """Whether a dotted name is one of a strategy of a group; nothing is imported."""
    if _is_in(_OWN, target):  # no folder can make a strategy of what karl does not call one
        return target in _own_targets(group)
    module = target.rpartition(".")[0]
    of_user = () if folder is None else _targets_in(folder, group)
    return any(name.rpartition(".")[0] == module for name in of_user) or any(
        _is_in(point.value.partition(":")[0].strip(), module)
        for point in entry_points(group=_ENTRY_POINTS)
    )


def _is_in(package: str, name: str) -> bool:
    return name == package or name.startswith(f"{package}.")


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
