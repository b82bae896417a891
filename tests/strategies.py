"""Finds every strategy of the package, and what every option of the configuration makes."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hydra.utils import get_class
from pydantic.dataclasses import is_pydantic_dataclass

from karl.config.build import build_strategy
from karl.config.compose import compose_config, group_options

PACKAGES = {
    "sampler": ("karl.samplers", "query"),
    "encoder": ("karl.encoders", "encode"),
    "classifier": ("karl.classifiers", "fit"),
    "llm": ("karl.annotators", "annotate"),
    "cards": ("karl.cards", "apply"),
    "consensus": ("karl.consensus", "decide"),
    "categories": ("karl.categories", "assign"),
    "features": ("karl.features", "compute"),
    "candidates": ("karl.candidates", "propose"),
    "split": ("karl.datasets", "divide"),
    "tracking": ("karl.tracking", "follow"),
}
"""Where the strategies of a group live, and the method that makes a class one of them."""

NEEDED = {
    ("cards", "llm"): ("llm=openai",),
    ("llm", "vllm"): ("llm.model=small",),
    ("llm", "azure"): ("llm.api_base=https://shop.example",),
}
"""What options have no default for, as only the user knows it."""

OPTIONS = [(group, option) for group in PACKAGES for option in group_options()[group]]


def strategies_of(group: str) -> list[type]:
    """Return the concrete strategies of a group, found by looking at its modules."""
    package, method = PACKAGES[group]
    root = importlib.import_module(package)
    below = pkgutil.walk_packages(getattr(root, "__path__", []), f"{package}.")
    modules = [root, *(importlib.import_module(found.name) for found in below)]
    return [
        cls
        for module in modules
        for cls in vars(module).values()
        if inspect.isclass(cls)
        and cls.__module__ == module.__name__
        and is_pydantic_dataclass(cls)
        and hasattr(cls, method)
        and not inspect.isabstract(cls)
    ]


@cache
def composed(group: str, option: str) -> dict[str, Any]:
    """Return the whole configuration with one option chosen; not to be changed."""
    return compose_config([f"{group}={option}", *NEEDED.get((group, option), ())])


def settings_of(group: str, option: str) -> dict[str, Any]:
    """Return the settings of an option, `_target_` among them."""
    settings: dict[str, Any] = composed(group, option)[group]
    return settings


def class_of(group: str, option: str) -> type:
    """Return the class that an option makes."""
    return get_class(settings_of(group, option)["_target_"])


def every_option(group: str) -> list[Any]:
    """Return what every option of a group makes, with every value of each of its switches."""
    return [
        variant
        for option in group_options()[group]
        for variant in variants(build_strategy(group, settings_of(group, option)))
    ]


def variants(strategy: Any) -> Iterator[Any]:
    """Give a strategy, and the same with each other value of each of its switches."""
    yield strategy
    kinds = get_type_hints(type(strategy))
    for field in fields(strategy):
        kind = kinds[field.name]
        values = (True, False) if kind is bool else get_args(kind)
        if kind is bool or get_origin(kind) is Literal:
            others = (value for value in values if value != getattr(strategy, field.name))
            yield from (replace(strategy, **{field.name: value}) for value in others)
