from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from sampler_template import SamplerTemplate
from strategies import class_of, strategies_of

from karl.config.compose import group_options


def covered() -> set[type]:
    for file in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(file.stem)
    return {type(one) for cls in SamplerTemplate.__subclasses__() for one in cls.samplers}


@pytest.mark.parametrize("sampler", strategies_of("sampler"))
def test_every_sampler_inherits_the_template(sampler: type) -> None:
    assert sampler in covered()


@pytest.mark.parametrize("option", group_options()["sampler"])
def test_every_sampler_of_the_configuration_inherits_the_template(option: str) -> None:
    assert class_of("sampler", option) in covered()
