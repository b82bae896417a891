"""Defaults come from classes: options tell what differs, and every key is there."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from dataclasses import field, fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from strategies import class_of, settings_of

from karl.config.build import GROUPS, TRACKING, build
from karl.config.complete import completed, completed_strategy, default_of
from karl.config.compose import compose_config, config_folder
from karl.errors import ConfigError
from karl.experiments import Experiment
from karl.llm.backend import Backend, Transport
from karl.runs.changes import is_changeable

OPTIONS = sorted(config_folder().glob("*/**/*.yaml"))


@plain_dataclass(frozen=True)
class Inner:
    size: int = 3


@plain_dataclass(frozen=True)
class Outer:
    """A sampler of a user's own with everything that a default can be."""

    needed: int
    number: float = 0.5
    words: tuple[str, ...] = ("a", "b")
    inner: Inner = field(default_factory=Inner)
    path: Path = Path("x/y")
    strange: object = field(default_factory=object)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "sampler").mkdir()
    (tmp_path / "sampler/outer.yaml").write_text(f"_target_: {__name__}.Outer\nneeded: 1\n")
    (tmp_path / "sampler/open.yaml").write_text(f"_target_: {__name__}.Outer\nneeded: ???\n")
    return tmp_path


@pytest.mark.parametrize("file", OPTIONS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_an_option_of_karl_does_not_repeat_a_default(file: Path) -> None:
    def repeated(settings: Any) -> list[str]:
        if not isinstance(settings, dict):
            return []
        found = [name for value in settings.values() for name in repeated(value)]
        if "_target_" in settings:
            defaults = completed_strategy(group, {"_target_": settings["_target_"]})
            found += [
                k for k, v in settings.items() if k != "_target_" and defaults.get(k, ...) == v
            ]
        return found

    group = file.relative_to(config_folder()).parts[0]
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert not repeated(content.get(group, content))


def test_an_option_has_every_key_of_its_class_whatever_it_mentions() -> None:
    settings = settings_of("llm", "local")
    names = [part.name for part in fields(class_of("llm", "local"))]
    assert set(settings) == {"_target_", *names}
    assert settings["threads"] is None and settings["max_tokens"] == 64


def test_the_groups_are_those_of_an_experiment() -> None:
    no_group = {"seed", "choices", "account", "store", "memo"}
    assert {part.name for part in fields(Experiment)} - no_group == set(GROUPS)
    keys = {"seed", *GROUPS, TRACKING}
    assert set(compose_config()) - {"choices"} == keys
    assert set(completed(dict.fromkeys(keys))) == keys
    assert set(build(compose_config())) == {"seed", "choices", *GROUPS}


def test_defaults_are_written_as_plain_values(own: Path) -> None:
    assert compose_config(["sampler=outer"], own)["sampler"] == {
        "_target_": f"{__name__}.Outer",
        "needed": 1,
        "number": 0.5,
        "words": ["a", "b"],
        "inner": {"_target_": f"{__name__}.Inner", "size": 3},
        "path": "x/y",
    }


def test_what_has_no_default_is_asked_for(own: Path) -> None:
    with pytest.raises(ConfigError, match=r"sampler\.needed has no value\nSet it: sampler\.needed"):
        compose_config(["sampler=open"], own)
    assert compose_config(["sampler=open", "sampler.needed=2"], own)["sampler"]["needed"] == 2


def test_a_configuration_that_is_whole_stays_as_it_is() -> None:
    for overrides in ([], ["cards=llm", "llm=openai"], ["split=validation"], ["data=tables"]):
        config = {k: v for k, v in compose_config(overrides).items() if k != "choices"}
        assert completed(config) == config


@pytest.mark.parametrize(
    ("overrides", "value"),
    [
        (["sampler=margin", "sampler.per_category=2"], 2),
        (["sampler=qbc", "sampler.disagreement=kl"], "kl"),
        (["llm=openai", "llm.concurrency=4"], 4),
        (["encoder=names_cards", "encoder.parts.names.n_dims=300"], 300),
        (["encoder=names_cards_minilm", "encoder.parts.card_meaning.device=cpu"], "cpu"),
        (["classifier=bagging", "classifier.tuning.trials=3"], 3),
        (["split=validation", "split.of.fold=2"], 2),
        (["data=tables", "data.columns.title=name"], "name"),
        (["data=tables", "data.pair_columns.votes=[a,b]"], ["a", "b"]),
        (["data=tables", "data.pairs.id=pairs.csv"], "pairs.csv"),
        (["llm=openai", "llm.params.reasoning_effort=low"], "low"),
        (["budget.usd=0.5"], 0.5),
        (["+budget.usd=0.5"], 0.5),
        (["++budget.usd=0.5"], 0.5),
        (["sampler=margin", "sampler={per_category:2}", "sampler.per_category=5"], 5),
    ],
)
def test_a_key_that_no_option_mentions_can_be_overridden(overrides: list[str], value: Any) -> None:
    config = compose_config(overrides)
    build(config)
    node: Any = config
    for part in overrides[-1].lstrip("+").partition("=")[0].split("."):
        node = node[part]
    assert node == value


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            "sampler.per_categry=2",
            "'sampler' has: per_category. Did you mean sampler.per_category?",
        ),
        ("sampler.of.what=2", "'sampler' has: per_category."),
        ("classifier.tuning.trails=2", "Did you mean classifier.tuning.trials?"),
        ("encoder.parts.nams.n_dims=3", "'encoder.parts' has: names, cards, card_words. Did"),
        ("encoder.parts.names.dims=3", "Did you mean encoder.parts.names.n_dims?"),
        ("data.columns.titel=x", "Did you mean data.columns.title?"),
        ("samplr.per_category=2", "Did you mean sampler?"),
        ("sampler._args_=[1]", "'sampler' has: per_category."),
        ("experiment.sampler=qbc", "The keys are: seed, budget, candidates, "),
    ],
)
def test_a_key_that_there_is_not_is_refused_wherever_it_stands(override: str, told: str) -> None:
    overrides = ["encoder=names_cards", "data=tables", "sampler=margin", "classifier=bagging"]
    with pytest.raises(ConfigError) as caught:
        compose_config([*overrides, override])
    key = override.partition("=")[0]
    assert key.startswith(caught.value.message.split("'")[1])
    assert caught.value.message.startswith("there is no configuration key '")
    assert told in str(caught.value.hint)
    config = compose_config(overrides)
    node: Any = config
    *parents, name = key.split(".")
    for parent in parents:
        node = node.setdefault(parent, {})
    node[name] = 1
    with pytest.raises(ConfigError) as once_more:
        build(config)
    assert str(once_more.value) == str(caught.value)


def test_a_run_of_an_earlier_version_has_the_defaults_of_keys_it_lacks() -> None:
    config = compose_config(["experiment=paper"])
    del config["sampler"]["per_category"], config["classifier"]["tuning"]["folds"]
    made, expected = build(config), build(compose_config(["experiment=paper"]))
    assert made["sampler"] == expected["sampler"]
    assert made["classifier"] == expected["classifier"]


class TestCardsOfTheRunsOwnModel:
    def cards(self, *overrides: str) -> dict[str, Any]:
        settings: dict[str, Any] = compose_config(["cards=llm", *overrides])["cards"]
        return settings

    def test_take_its_transport_also_where_no_option_mentions_it(self) -> None:
        settings = self.cards("llm=openai", "llm.concurrency=3", "llm.timeout_s=9")
        assert (settings["concurrency"], settings["timeout_s"]) == (3, 9)
        assert settings["temperature"] == 0

    def test_have_the_defaults_of_their_class_for_another_model(self) -> None:
        settings = self.cards("llm=local", "cards.provider=openai", "cards.model=gpt-4o-mini")
        for transport in fields(Transport):
            assert settings[transport.name] == default_of(Backend, transport.name)

    def test_a_default_may_be_given_for_another_model(self, tmp_path: Path) -> None:
        (tmp_path / "cards").mkdir()
        option = (config_folder() / "cards/llm.yaml").read_text()
        other = option.replace("${as_llm:retries}", "${as_llm:retries,2}")
        (tmp_path / "cards/mine.yaml").write_text(other)
        for provider, retries in (("openai", 6), ("gemini", 2)):
            given = ["llm=openai", "cards=mine", f"cards.provider={provider}"]
            assert compose_config(given, tmp_path)["cards"]["retries"] == retries


def test_transport_may_change_during_a_run_and_nothing_else_of_a_model() -> None:
    transport = {part.name for part in fields(Transport)}
    assert {"api_base", "concurrency", "timeout_s"} <= transport
    for name in (part.name for part in fields(Backend)):
        for group in ("llm", "cards"):
            assert is_changeable(f"{group}.{name}") == (name in transport)
