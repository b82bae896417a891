"""Strategies of one's own from end to end: a run asks for their folder again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from cli.small_shop import done, karl, settings

from karl.config.former import ALIASES

MODULE = """
from pydantic.dataclasses import dataclass
from karl.samplers.random import Random

@dataclass(frozen=True)
class Cautious(Random):
    care: int = 1
"""
OWN = ("--config-dir", "own")
NAME = ("--name", "mine")
RUN = Path("runs/mine")


@pytest.fixture
def plugin(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The option sampler=cautious, in a module of one's own."""
    (workplace / "own/sampler").mkdir(parents=True)
    option = "_target_: karl_test_plugin.Cautious\nper_category: 2\n"
    (workplace / "own/sampler/cautious.yaml").write_text(option)
    (workplace / "karl_test_plugin.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(workplace))
    monkeypatch.delitem(sys.modules, "karl_test_plugin", raising=False)
    return "sampler=cautious"


def test_a_run_asks_for_the_folder_of_its_strategies_again(plugin: str, shop: Path) -> None:
    done(karl("run", *settings(shop, plugin, "budget.rounds=1"), *NAME, *OWN))
    more = ("run", "budget.rounds=2", *NAME)
    answer = karl(*more)
    assert answer.code == 2
    assert answer.err.startswith(
        "karl: sampler._target_: 'karl_test_plugin.Cautious' is neither a strategy of karl's nor "
        "from --config-dir\nGive the --config-dir whose folder 'sampler' names it"
    )
    done(karl(*more, *OWN))
    for command in (["evaluate"], ["estimate"]):
        assert karl(*command, *NAME).code == 2
        done(karl(*command, *NAME, *OWN))
    assert (RUN / "rounds/0002/evaluation.json").exists()
    assert "mine" in done(karl("status")).out
    assert "has a macro-F1 of" in done(karl("report", "mine")).out


def test_sheets_are_written_and_read_with_the_folder(plugin: str, shop: Path) -> None:
    overrides = settings(shop, plugin, "llm=human", "candidates=recorded", "budget.rounds=1")
    done(karl("seed", *overrides, *NAME, *OWN))
    done(karl("select", *NAME, *OWN))
    for command in (["write"], ["read"]):
        assert "sampler._target_" in karl("sheet", *command, "mine", "sheet.csv").err
        done(karl("sheet", *command, "mine", "sheet.csv", *OWN))


def test_sweeps_and_searches_hand_the_folder_to_their_jobs(plugin: str, shop: Path) -> None:
    swept = settings(shop, "sampler=cautious,random", "budget.rounds=1")
    assert "2 jobs: 2 done" in done(karl("sweep", *swept, *NAME, *OWN)).out
    assert karl("sweep", *NAME, "budget.rounds=2").code == 2
    assert "2 jobs: 2 done" in done(karl("sweep", *NAME, "budget.rounds=2", *OWN)).out
    searched = settings(shop, plugin, "sampler.care=1,2", "budget.rounds=1")
    found = ("--name", "search", "--trials", "1", "--folds", "2", *OWN)
    done(karl("tune", *searched, *found))
    trials = json.loads(Path("runs/search/tune.json").read_text())["trials"]
    assert [trial["problem"] for trial in trials] == [""]


def test_data_of_ones_own_name_their_items_where_the_folder_is_given(
    plugin: str, shop: Path, workplace: Path
) -> None:
    source = (
        "from karl.datasets.tables import Tables\n"
        "from pydantic.dataclasses import dataclass\n\n\n"
        "@dataclass(frozen=True)\nclass Mine(Tables):\n    pass\n"
    )
    (workplace / "karl_test_data.py").write_text(source)
    (workplace / "own/data").mkdir()
    option = f"_target_: karl_test_data.Mine\nfolder: {shop}\n"
    (workplace / "own/data/mine.yaml").write_text(option)
    small = [part for part in settings(shop, "budget.rounds=0") if not part.startswith("data")]
    done(karl("run", "data=mine", *small, *NAME, *OWN))
    mistakes = Path("runs/mine/report")
    done(karl("report", "mine"))
    assert not any("ballpoint pen" in text for text in pages(mistakes))
    done(karl("report", "mine", *OWN))
    assert any("ballpoint pen" in text for text in pages(mistakes))


def pages(folder: Path) -> list[str]:
    return [file.read_text() for file in folder.rglob("*.html")]


def test_a_run_of_an_earlier_version_goes_on_under_the_present_name(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(karl("run", *settings(shop, "budget.rounds=0"), *NAME))
    file = RUN / "config.yaml"
    config = yaml.safe_load(file.read_text())
    monkeypatch.setitem(ALIASES, "karl.before.Margin", config["sampler"]["_target_"])
    config["sampler"]["_target_"] = "karl.before.Margin"
    file.write_text(yaml.safe_dump(config))
    done(karl("run", *settings(shop, "budget.rounds=1"), *NAME))
    assert "karl.before" not in file.read_text()
