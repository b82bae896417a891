from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass

import pytest
from hydra.utils import get_class
from pydantic.fields import FieldInfo
from strategies import OPTIONS, PACKAGES, class_of, settings_of, strategies_of

from karl.config.compose import group_options

STRATEGIES = [(group, cls) for group in PACKAGES for cls in strategies_of(group)]

# Where options mean to differ from their class: tuning is on, e5 models need a prefix,
# cards may be missing, and every provider of a language model has its own way, which cards follow.
MEANT = {
    *(("llm", key) for key in ("provider", "api_base", "api_version", "structured", "choices")),
    *(("llm", key) for key in ("concurrency", "timeout_s", "max_tokens")),
    *(("llm", key) for key in ("price_in_usd_per_mtok", "price_out_usd_per_mtok")),
    *(("cards", key) for key in ("provider", "model", "concurrency", "timeout_s")),
    *(("cards", key) for key in ("structured", "choices", "price_in_usd_per_mtok")),
    ("cards", "price_out_usd_per_mtok"),
    ("classifier", "tuning"),
    ("encoder", "prefix"),
    ("encoder", "optional"),
    ("features", "neighbours"),
    ("features", "symmetric"),
    ("features", "position"),
}


def written(value: object) -> object:
    """Return a value as an option has it: a strategy inside another is settings itself."""
    if isinstance(value, tuple):
        return list(value)
    if not is_dataclass(value):
        return value
    target = f"{type(value).__module__}.{type(value).__qualname__}"
    return {"_target_": target} | {
        field.name: written(getattr(value, field.name)) for field in fields(value)
    }


def another_class(given: object, default: object) -> bool:
    """Whether an option has another strategy inside than its class, with numbers of its own."""
    if not isinstance(given, dict) or not isinstance(default, dict):
        return False
    return given.get("_target_") != default.get("_target_")


def defaults_of(cls: type) -> dict[str, object]:
    """Return the default of each field that has one."""
    found = {}
    for field in fields(cls):
        info = field.default
        if isinstance(info, FieldInfo):
            if not info.is_required():
                found[field.name] = info.get_default(call_default_factory=True)
        elif info is not MISSING:
            found[field.name] = info
        elif field.default_factory is not MISSING:
            found[field.name] = field.default_factory()
    return found


def targets(settings: object) -> set[object]:
    """Return what settings name as classes, at any depth."""
    if not isinstance(settings, dict):
        return set()
    return {settings.get("_target_")}.union(*map(targets, settings.values()))


@pytest.mark.parametrize("group", PACKAGES)
def test_strategies_are_found(group: str) -> None:
    assert strategies_of(group)


@pytest.mark.parametrize(("group", "strategy"), STRATEGIES)
def test_every_strategy_can_be_chosen(group: str, strategy: type) -> None:
    options = group_options()[group]
    named = set[object]().union(*(targets(settings_of(group, option)) for option in options))
    assert strategy in {get_class(str(name)) for name in named - {None}}


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_makes_a_strategy_of_its_group(group: str, option: str) -> None:
    assert class_of(group, option) in strategies_of(group)


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_an_option_has_every_key_of_its_class_and_no_other(group: str, option: str) -> None:
    keys = set(settings_of(group, option)) - {"_target_"}
    assert keys == {field.name for field in fields(class_of(group, option))}


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_an_option_has_the_defaults_of_its_class(group: str, option: str) -> None:
    settings = settings_of(group, option)
    for key, default in defaults_of(class_of(group, option)).items():
        if (group, key) in MEANT or another_class(settings[key], written(default)):
            continue
        assert settings[key] == written(default), key
