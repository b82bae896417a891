"""Which classes a configuration may name, and that nothing else is imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from karl.config import targets
from karl.config.build import build_strategy
from karl.config.compose import compose_config, group_options
from karl.config.targets import check_targets, first_named, renamed
from karl.errors import ConfigError
from karl.runs.changes import default_name

MODULE = """
from dataclasses import dataclass as plain
from pydantic.dataclasses import dataclass

@dataclass(frozen=True)
class Mine:
    size: int = 1

@dataclass(frozen=True)
class Other:
    inner: object

@plain
class Plain:
    size: int

class NoDataclass:
    pass

def function():
    raise AssertionError("it was called")

value = Mine()
"""

Write = Callable[[str], str]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A module on the Python path that nothing has imported; its name is of its own."""
    name = f"strategies_{abs(hash(request.node.nodeid))}"
    (tmp_path / "path" / name).mkdir(parents=True)
    (tmp_path / "path" / name / "__init__.py").write_text(MODULE)
    (tmp_path / "path" / name / "below.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    return name


@pytest.fixture
def own(tmp_path: Path, module: str) -> Path:
    """A --config-dir with a sampler of that module."""
    folder = tmp_path / "own"
    (folder / "sampler").mkdir(parents=True)
    (folder / "sampler/mine.yaml").write_text(f"_target_: {module}.Mine\n")
    return folder


@pytest.mark.parametrize(
    ("group", "option"),
    [(group, name) for group, names in group_options().items() for name in names],
)
def test_every_option_of_karl_names_strategies_of_its_group(group: str, option: str) -> None:
    more = {"vllm": ["llm.model=m"], "azure": ["llm.api_base=b"]}.get(option, [])
    config = compose_config([f"{group}={option}", *more])
    for key in config.keys() - {"seed", "choices"}:
        check_targets(key, config[key])


def test_a_strategy_of_a_folder_of_ones_own_is_made(own: Path, module: str) -> None:
    made = build_strategy("sampler", {"_target_": f"{module}.Mine", "size": 3}, own)
    assert made == sys.modules[module].Mine(3)


def test_so_is_another_one_of_its_module_and_one_inside_it(own: Path, module: str) -> None:
    inner = {"_target_": f"{module}.Mine"}
    made = build_strategy("sampler", {"_target_": f"{module}.Other", "inner": [inner]}, own)
    assert made.inner == [sys.modules[module].Mine()]


def test_strategies_inside_an_option_are_named_too(own: Path, module: str) -> None:
    inner = {"parts": {"a": {"_target_": f"{module}.below.Mine"}}}
    (own / "sampler/deep").mkdir()
    (own / "sampler/deep/more.yaml").write_text(yaml.safe_dump(inner))
    assert build_strategy("sampler", {"_target_": f"{module}.below.Mine"}, own).size == 1


def test_an_option_that_chooses_others_names_those_of_its_group(own: Path, module: str) -> None:
    text = f"# @package _global_\nsampler:\n  _target_: {module}.below.Mine\nencoder:\n"
    (own / "sampler/wide.yaml").write_text(f"{text}  _target_: os.system\n")
    assert build_strategy("sampler", {"_target_": f"{module}.below.Mine"}, own).size == 1
    with pytest.raises(ConfigError, match=r"sampler\._target_"):
        check_targets("sampler", {"_target_": "os.system"}, own)


@pytest.mark.parametrize(
    ("group", "name"), [("encoder", "Mine"), ("sampler", "below.Mine"), ("sampler", "x.y.Mine")]
)
def test_what_is_named_elsewhere_does_not_count(
    group: str, name: str, own: Path, module: str
) -> None:
    target = f"{module}.{name}"
    with pytest.raises(ConfigError, match=rf"{group}\._target_: '{target}' is neither .* {own}"):
        build_strategy(group, {"_target_": target}, own)
    assert module not in sys.modules


def test_without_its_folder_the_message_asks_for_it(module: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_strategy("sampler", {"_target_": f"{module}.Mine"})
    assert str(caught.value) == (
        f"sampler._target_: '{module}.Mine' is neither a strategy of karl's nor from --config-dir\n"
        "Give the --config-dir whose folder 'sampler' names it, or install the package that it "
        "is from."
    )
    assert module not in sys.modules


@pytest.mark.parametrize("name", ["NoDataclass", "function", "value", "plain"])
def test_what_is_no_dataclass_is_no_strategy(name: str, own: Path, module: str) -> None:
    with pytest.raises(ConfigError, match=rf"sampler\._target_: '{module}\.{name}' is no strategy"):
        build_strategy("sampler", {"_target_": f"{module}.{name}"}, own)


def test_a_class_that_its_module_lacks_is_told(own: Path, module: str) -> None:
    with pytest.raises(ConfigError, match=r"sampler\._target_: '.*\.Nobody' cannot be imported"):
        build_strategy("sampler", {"_target_": f"{module}.Nobody"}, own)


def test_a_plain_dataclass_names_its_key_where_a_value_lacks(own: Path, module: str) -> None:
    with pytest.raises(ConfigError, match=r"^sampler: .*size"):
        build_strategy("sampler", {"_target_": f"{module}.Plain"}, own)


def test_no_folder_makes_a_strategy_of_what_karl_does_not_call_one(own: Path) -> None:
    for name in ("karl.config.settings.Budget", "karl.encoders.concat.Concat", "karl.Mine"):
        (own / "sampler/more.yaml").write_text(f"_target_: {name}\n")
        with pytest.raises(ConfigError, match="is no strategy of the group 'sampler'"):
            build_strategy("sampler", {"_target_": name}, own)


def test_a_folder_that_is_not_there_is_told(own: Path) -> None:
    with pytest.raises(ConfigError, match="--config-dir: there is no folder"):
        build_strategy("sampler", {"_target_": "karl.samplers.margin.Margin"}, own / "not")


def test_an_option_that_cannot_be_read_is_told(own: Path, module: str) -> None:
    (own / "sampler/broken.yaml").write_text("_target_: [")
    with pytest.raises(ConfigError, match=r"broken\.yaml cannot be read"):
        build_strategy("sampler", {"_target_": f"{module}.Mine"}, own)


class TestInstalledPackages:
    @pytest.fixture
    def install(self, tmp_path: Path) -> Write:
        """Have a package installed that names a module; return its name."""

        def write(value: str) -> str:
            folder = tmp_path / "path/shop_strategies-1.0.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text("Name: shop-strategies\nVersion: 1.0\n")
            (folder / "entry_points.txt").write_text(f"[karl.strategies]\nshop = {value}\n")
            return value

        return write

    def test_bring_strategies_from_the_modules_they_name(self, module: str, install: Write) -> None:
        install(module)
        for name in ("Mine", "below.Mine"):
            assert build_strategy("sampler", {"_target_": f"{module}.{name}"}).size == 1

    def test_bring_nothing_from_above_or_beside(self, module: str, install: Write) -> None:
        install(f"{module}.below")
        for name in (f"{module}.Mine", f"{module}.belows.Mine", f"{module}.below", "os.system"):
            with pytest.raises(ConfigError, match=r"sampler\._target_.* install the package|\n"):
                build_strategy("sampler", {"_target_": name})
        assert module not in sys.modules
        assert build_strategy("sampler", {"_target_": f"{module}.below.Mine"}).size == 1

    def test_do_not_make_strategies_of_functions(self, module: str, install: Write) -> None:
        install(module)
        with pytest.raises(ConfigError, match="is no strategy"):
            build_strategy("sampler", {"_target_": f"{module}.function"})


def test_targets_of_earlier_versions_have_their_present_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(targets.ALIASES, "karl.old.Old", "karl.samplers.margin.Margin")
    old: dict[str, Any] = {
        "_target_": "karl.old.Old",
        "parts": [{"a": {"_target_": "karl.old.Old"}}],
    }
    new = renamed(old)
    assert new["_target_"] == new["parts"][0]["a"]["_target_"] == "karl.samplers.margin.Margin"
    assert old["_target_"] == "karl.old.Old"
    assert renamed({"_target_": ["karl.old.Old"]}) == {"_target_": ["karl.old.Old"]}
    assert first_named(new) == old


def test_no_class_that_moves_makes_another_run_of_an_old_one() -> None:
    config = compose_config([])
    old = first_named(config)
    assert renamed(old) == config != old
    assert default_name(old) == default_name(config)
