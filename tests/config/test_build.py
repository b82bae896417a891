from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from karl.candidates import Stratified
from karl.classifiers.tuning import Tuning
from karl.config.build import build
from karl.config.compose import compose_config
from karl.encoders.tfidf_svd import TfidfSvd
from karl.errors import ConfigError
from karl.samplers.margin import Margin


def built(*overrides: str, extra: Path | None = None) -> SimpleNamespace:
    return SimpleNamespace(**build(compose_config(overrides, extra), extra))


def test_the_papers_experiment_is_of_its_strategies() -> None:
    experiment = built("experiment=paper")
    assert experiment.sampler == Margin(per_category=1)
    assert experiment.candidates == Stratified(queries_per_category=10, per_query=100)
    assert experiment.classifier.n_members == 10
    assert isinstance(experiment.classifier.tuning, Tuning)
    assert experiment.budget.rounds == 10
    assert experiment.choices["sampler"] == "margin"


def test_overrides_reach_the_strategies() -> None:
    small = ("sampler.per_category=null", "encoder.n_dims=20", "classifier.tuning=null")
    experiment = built("experiment=paper", "encoder=tfidf_svd", "seed=5", *small)
    assert experiment.seed == 5
    assert experiment.sampler == Margin(per_category=None)
    assert experiment.encoder == TfidfSvd(n_dims=20)
    assert experiment.classifier.tuning is None


def test_parts_of_an_encoder_are_built_too() -> None:
    encoder = built("encoder=names_cards").encoder
    assert isinstance(encoder.parts["names"], TfidfSvd)


def test_a_stored_configuration_builds_the_same_experiment() -> None:
    config = compose_config(["sampler=qbc", "split=cluster", "llm=replay"])
    stored = yaml.safe_load(yaml.safe_dump(config))
    one, two = build(config), build(stored)
    assert one == two


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("seed=soon", "seed"),
        ("seed=null", "seed"),
        ("budget.rounds=ten", "budget.rounds"),
        ("budget.rounds=-1", "budget.rounds"),
        ("sampler.per_category=0", "sampler.per_category"),
        ("candidates.per_query=many", "candidates.per_query"),
        ("encoder.analyzer=letters", "encoder.analyzer"),
        ("consensus.level=item", "consensus.level"),
        ("classifier.tuning.trials=0", "classifier.tuning.trials"),
        ("llm.confusion=[[1,0,0]]", "llm.confusion"),
        ("split.fold=9", "split.fold"),
        ("split.seed=-1", "split.seed"),
        ("encoder.seed=-1", "encoder.seed"),
        ("categories.seed=-1", "categories.seed"),
    ],
)
def test_a_wrong_value_names_its_key(override: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        built("experiment=paper", "encoder=tfidf_svd", override)
    assert key in caught.value.message
    assert "Traceback" not in str(caught.value)


def test_a_wrong_value_is_quoted() -> None:
    with pytest.raises(ConfigError, match=r"budget\.rounds: .* not 'ten'"):
        built("budget.rounds=ten")


def test_all_wrong_values_of_a_strategy_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"budget\.rounds(.|\n)*budget\.labels"):
        built("budget.rounds=ten", "budget.labels=some")


def test_a_wrong_value_inside_a_part_names_the_part() -> None:
    with pytest.raises(ConfigError, match=r"encoder\.parts\.names\.n_dims"):
        built("encoder=names_cards", "encoder.parts.names.n_dims=few")


@pytest.mark.parametrize("group", ["sampler", "budget", "encoder", "llm", "split", "consensus"])
def test_a_key_that_a_strategy_does_not_have_is_refused(group: str) -> None:
    with pytest.raises(ConfigError, match=f"{group}.no_such_key"):
        built(f"+{group}.no_such_key=1")


def test_a_group_that_was_removed_is_named() -> None:
    with pytest.raises(ConfigError, match="sampler"):
        built("~sampler")


def test_a_class_that_cannot_be_found_is_named(tmp_path: Path) -> None:
    (tmp_path / "sampler").mkdir()
    (tmp_path / "sampler" / "mine.yaml").write_text("_target_: my_package.Mine\n")
    with pytest.raises(ConfigError, match=r"sampler(.|\n)*my_package"):
        built("sampler=mine", extra=tmp_path)
