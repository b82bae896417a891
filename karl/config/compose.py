"""Composition of Hydra configurations, with errors that people can act on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from karl.config.complete import completed, default_of
from karl.config.targets import TARGET, config_folder, existing_folder, strategy_class
from karl.errors import ConfigError

__all__ = [
    "GROUPS_KEY",
    "combinations",
    "compose_config",
    "config_folder",
    "differences",
    "flatten",
    "group_options",
    "search_path",
]

GROUPS_KEY = "choices"


def _as_llm(key: str, *default: Any, _root_: DictConfig) -> Any:
    """Return a value of the group `llm` for item cards, if they are written by the same model."""
    llm, cards = _root_.get("llm") or {}, _root_.cards
    same = all(cards[name] == llm.get(name) for name in ("provider", "model"))
    if same and key in llm:
        return llm[key]
    return default[0] if default else default_of(strategy_class("cards", cards[TARGET]), key)


# ${as_llm:KEY}: where a model is and what it costs is not passed on to another model, which has
# the default of its class, or the one in ${as_llm:KEY,DEFAULT}.
OmegaConf.register_new_resolver("as_llm", _as_llm, replace=True)


def compose_config(overrides: Sequence[str] = (), extra: Path | None = None) -> dict[str, Any]:
    """Compose the configuration of an experiment.

    Options tell what differs from the defaults of their classes; the rest is added.

    Parameters
    ----------
    overrides : sequence of str
        Hydra overrides, such as `sampler=margin` or `budget.rounds=5`.
    extra : Path, optional
        A folder with groups of the user's own, searched after karl's.

    Returns
    -------
    dict
        Resolved; its key `choices` tells which option of each group was chosen.

    Raises
    ------
    ConfigError
        If an override names no key or option, cannot be parsed, or a value is missing.
    """
    with _hydra():
        given: Any = OmegaConf.to_container(_compose(overrides, extra))
        choices = given.pop("hydra")["runtime"]["choices"]
        # Completed first: ${…} may refer to a key that no option mentions.
        whole = OmegaConf.create(completed(given, extra))
        plain: Any = OmegaConf.to_container(whole, resolve=True, throw_on_missing=True)
    groups = {
        group: option
        for group, option in sorted(choices.items())
        if not group.startswith("hydra/") and option is not None
    }
    return {**plain, GROUPS_KEY: groups}


def combinations(
    overrides: Sequence[str], extra: Path | None = None
) -> tuple[set[str], list[list[str]]]:
    """Combine the values of overrides such as `seed=range(0,3)`; the last one varies fastest.

    Returns
    -------
    set of str
        Keys that have several values. `hydra.sweeper.params` of the composed
        configuration counts as if it stood before the overrides.
    list of list of str
        Overrides with one value each, a list a combination.

    Raises
    ------
    ConfigError
        If an override cannot be parsed, or has values that cannot be listed.
    """
    given = parse_overrides(overrides)
    for item in filter(Override.is_sweep_override, given):
        if not item.is_discrete_sweep():
            raise ConfigError(
                f"{item.input_line}: the values of a sweep must be listed",
                hint="Such as KEY=1,2,3 or KEY=range(0,5); `karl tune` searches intervals.",
            )
        if item.key_or_group == "experiment":
            raise ConfigError(
                f"{item.input_line}: one experiment at a time, for each may hold values of its own",
                hint="Carry out a sweep for each; `karl report` takes several.",
            )
    fixed = [item.input_line for item in given if not item.is_sweep_override()]
    with _hydra():
        params = _compose([str(item) for item in fixed], extra).hydra.sweeper.get("params") or {}
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        parsed = parser.parse_overrides([*(f"{k}={v}" for k, v in params.items()), *overrides])
        (combined,) = BasicSweeper.split_arguments(parsed, None)
    return {item.get_key_element() for item in parsed if item.is_sweep_override()}, combined


@contextmanager
def _hydra() -> Iterator[None]:
    """Prepare Hydra's compose API; turn its errors into readable ones."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3", job_name="karl"):
        try:
            yield
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise _readable(error) from error


def _compose(overrides: Sequence[str], extra: Path | None) -> DictConfig:
    open_ended = [_open_ended(item, extra) for item in parse_overrides(overrides)]
    return compose("config", [*search_path(extra), *open_ended], return_hydra_config=True)


def _open_ended(override: Override, extra: Path | None) -> str:
    """Have an override set a key that no option mentions; whether there is one is seen later."""
    key = override.key_or_group
    is_group = any((folder / key).is_dir() for folder in _folders(extra))
    chooses = is_group and not isinstance(override.value(), dict)
    of_hydra = key.startswith(("hydra.", "hydra/"))
    as_it_is = override.type != OverrideType.CHANGE or of_hydra or chooses
    return str(override.input_line) if as_it_is else f"++{override.input_line}"


def _folders(extra: Path | None) -> list[Path]:
    return [config_folder(), *filter(None, [extra])]


def search_path(extra: Path | None) -> list[str]:
    """Return the override by which Hydra searches a folder of the user's own, if there is one."""
    return [] if extra is None else [f"hydra.searchpath=['file://{existing_folder(extra)}']"]


def parse_overrides(overrides: Sequence[str]) -> list[Override]:
    """Parse overrides as Hydra does; a ConfigError if one is malformed."""
    try:
        return OverridesParser.create().parse_overrides(list(overrides))
    except OverrideParseException as error:
        raise ConfigError(
            f"'{error.override}' is no override",
            hint="Write KEY=VALUE, such as sampler=margin or budget.rounds=5; "
            "quote values with spaces or brackets.",
        ) from error


def flatten(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of a nested configuration by their dotted keys; lists count as values."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def differences(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the dotted keys on which two configurations differ, with both values or None."""
    before, after = flatten(old), flatten(new)
    return {
        key: (before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    }


def _readable(error: Exception) -> ConfigError:
    """Turn an error of Hydra's into one that names the key and lists the choices."""
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        return ConfigError(
            f"{group}={option}: there is no such {group}",
            hint=f"Choose one of: {', '.join(sorted(error.options))}.",
        )
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    key = getattr(cause, "full_key", None)
    if isinstance(cause, MissingMandatoryValue):
        return ConfigError(f"{key} has no value", hint=f"Set it: {key}=VALUE")
    lines = [line for line in str(cause).splitlines() if line.strip()]
    return ConfigError(lines[0] if lines else str(error), hint="See `karl run --help`.")


def group_options(extra: Path | None = None) -> dict[str, list[str]]:
    """Return the options of every configuration group, in alphabetical order."""
    options: dict[str, set[str]] = {}
    for folder in _folders(extra):
        for file in folder.glob("*/*.yaml"):
            options.setdefault(file.parent.name, set()).add(file.stem)
    return {group: sorted(names) for group, names in sorted(options.items())}
