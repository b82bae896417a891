from __future__ import annotations

from pathlib import Path

import pytest
from strategies import composed

from karl.config.compose import GROUPS_KEY, compose_config, group_options
from karl.errors import ConfigError

ALL_OPTIONS = [(group, option) for group, names in group_options().items() for option in names]


CARDS = {"cards": "recorded", "features": "relations", "classifier": "context"}
TITLES = {"cards": "none", "features": "titles", "classifier": "context"}
PAPER = {
    "cards": "none",
    "features": "symmetric",
    "classifier": "bagging",
    "sampler": "margin",
}


def test_the_defaults_are_the_recommended_experiment_on_demo_data() -> None:
    choices = compose_config()[GROUPS_KEY]
    assert choices == {
        "budget": "default",
        "candidates": "stratified",
        "cards": "recorded",
        "categories": "auto",
        "classifier": "context",
        "consensus": "unanimous",
        "data": "demo",
        "encoder": "names_cards",
        "features": "relations",
        "llm": "oracle",
        "sampler": "dynamic",
        "split": "id_ood",
        "tracking": "none",
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("data=fbl", {**TITLES, "sampler": "dynamic", "encoder": "names_japanese"}),
        ("data=fbl cards=recorded", {**CARDS, "sampler": "dynamic", "encoder": "names_japanese"}),
        ("data=tables", {**TITLES, "sampler": "dynamic", "encoder": "names_cards"}),
        ("experiment=paper", {**PAPER, "encoder": "names_cards"}),
        ("experiment=paper data=fbl", {**PAPER, "encoder": "names_japanese"}),
        ("experiment=paper data=tables", {**PAPER, "encoder": "names_cards"}),
        ("experiment=paper cards=recorded", {**PAPER, "cards": "recorded"}),
        ("cards=none", {**TITLES, "encoder": "names_cards"}),
        (
            "experiment=paper data=fbl cards=recorded features=titles classifier=hgb sampler=qbc",
            {"cards": "recorded", "features": "titles", "classifier": "hgb", "sampler": "qbc"},
        ),
    ],
)
def test_data_cards_and_experiment_choose_what_goes_together(
    given: str, expected: dict[str, str]
) -> None:
    choices = compose_config(given.split())[GROUPS_KEY]
    assert {group: choices[group] for group in expected} == expected


@pytest.mark.parametrize(("group", "option"), ALL_OPTIONS)
def test_every_option_can_be_chosen(group: str, option: str) -> None:
    assert composed(group, option)[GROUPS_KEY][group] == option


def test_a_value_can_be_overridden() -> None:
    config = compose_config(
        ["seed=7", "budget.rounds=3", "encoder=tfidf_svd", "encoder.columns=[title,brand]"]
    )
    assert config["seed"] == 7
    assert config["budget"]["rounds"] == 3
    assert config["encoder"]["columns"] == ["title", "brand"]


def test_replay_brings_the_recorded_candidates() -> None:
    config = compose_config(["llm=replay"])
    assert config[GROUPS_KEY]["candidates"] == "recorded"
    assert "queries_per_category" not in config["candidates"]


@pytest.mark.parametrize("reverse", [False, True])
def test_what_replay_brings_can_be_overridden(reverse: bool) -> None:
    overrides = sorted(["llm=replay", "candidates=stratified"], reverse=reverse)
    assert compose_config(overrides)[GROUPS_KEY]["candidates"] == "stratified"


def test_what_cards_bring_can_be_overridden() -> None:
    choices = compose_config(["cards=recorded", "features=titles"])[GROUPS_KEY]
    assert (choices["cards"], choices["features"]) == ("recorded", "titles")


def test_an_encoder_inside_another_can_be_overridden() -> None:
    config = compose_config(["encoder=names_cards", "encoder.parts.names.n_dims=50"])
    assert config["encoder"]["parts"]["names"]["n_dims"] == 50


def test_composing_leaves_nothing_behind() -> None:
    compose_config(["sampler=qbc", "seed=1"])
    assert compose_config()[GROUPS_KEY]["sampler"] == "dynamic"


class TestErrors:
    def test_an_unknown_option_lists_the_choices(self) -> None:
        with pytest.raises(
            ConfigError, match=r"sampler=best(.|\n)*entropy, kcenter, least_confidence, mar"
        ):
            compose_config(["sampler=best"])

    def test_an_unknown_key_lists_its_siblings_and_the_likely_one(self) -> None:
        with pytest.raises(ConfigError) as caught:
            compose_config(["budget.round=3"])
        assert "no configuration key 'budget.round'" in caught.value.message
        hint = str(caught.value.hint)
        assert all(name in hint for name in ("rounds", "labels_per_round", "labels"))
        assert "Did you mean budget.rounds?" in hint

    def test_siblings_are_those_of_the_chosen_option(self) -> None:
        with pytest.raises(ConfigError, match=r"Did you mean sampler\.disagreement\?"):
            compose_config(["sampler=qbc", "sampler.disagrement=kl"])

    def test_an_unknown_top_level_key_lists_the_groups(self) -> None:
        with pytest.raises(ConfigError, match=r"'sampling'(.|\n)*classifier(.|\n)*sampler"):
            compose_config(["sampling=qbc"])

    @pytest.mark.parametrize("override", ["sampler", "seed==1", "budget.rounds=[1", "a b=1"])
    def test_what_is_no_override_is_quoted(self, override: str) -> None:
        with pytest.raises(ConfigError) as caught:
            compose_config(["seed=1", override])
        assert override.split("=")[0] in str(caught.value)
        assert "KEY=VALUE" in str(caught.value)

    def test_a_missing_value_names_its_key(self) -> None:
        with pytest.raises(ConfigError, match=r"encoder\.columns"):
            compose_config(["encoder=tfidf_svd", "encoder.columns=???"])

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"no folder .*/mine"):
            compose_config(extra=tmp_path / "mine")


class TestOwnStrategies:
    @pytest.fixture
    def own(self, tmp_path: Path) -> Path:
        """A folder with one sampler of the user's own."""
        (tmp_path / "sampler").mkdir()
        sampler = "_target_: karl.samplers.margin.Margin\nper_category: 4\n"
        (tmp_path / "sampler" / "generous.yaml").write_text(sampler)
        return tmp_path

    def test_are_found_in_a_further_folder(self, own: Path) -> None:
        config = compose_config(["sampler=generous", "sampler.per_category=5"], own)
        assert config["sampler"]["per_category"] == 5
        assert config[GROUPS_KEY]["sampler"] == "generous"

    def test_are_listed_among_the_options(self, own: Path) -> None:
        assert {"generous", "margin"} <= set(group_options(own)["sampler"])

    def test_are_listed_among_the_choices(self, own: Path) -> None:
        with pytest.raises(ConfigError, match=r"entropy, generous"):
            compose_config(["sampler=best"], own)

    def test_know_their_keys(self, own: Path) -> None:
        with pytest.raises(ConfigError, match=r"Did you mean sampler\.per_category\?"):
            compose_config(["sampler=generous", "sampler.per_categry=5"], own)

    def test_a_folder_may_have_spaces_and_equals_signs_in_its_name(self, own: Path) -> None:
        odd = own.parent / "my karl = conf"
        own.rename(odd)
        assert compose_config(["sampler=generous"], odd)["sampler"]["per_category"] == 4
