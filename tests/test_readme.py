"""What the README says of the configuration and of strategies of one's own is true."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cli.small_shop import done, finish, start, workplace

from karl.config.compose import group_options

__all__ = ["workplace"]

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TINY = (
    *("data.items=400", "data.id_pairs=300", "data.ood_pairs=150", "budget.rounds=1"),
    *("experiment=paper", "classifier.n_members=3", "classifier.tuning=null"),
)


def table() -> Iterator[tuple[str, list[str]]]:
    """Give each row of the table of groups: the group, and the options that it names."""
    _, _, below = README.partition("| group | options |\n|---|---|\n")
    for line in below.partition("\n\n")[0].splitlines():
        group, options = re.fullmatch(r"\| `(\w+)` \| (.*) \|", line).groups()  # type: ignore[union-attr]
        # `KEY=VALUE` and commands tell what goes with an option; a word is one.
        yield group, re.findall(r"`(\w+)`", options)


def block(language: str, after: str) -> str:
    """Return the first block in a language after a sentence."""
    assert README.count(after) == 1
    _, _, below = README.partition(after)
    return below.partition(f"```{language}\n")[2].partition("```")[0]


def test_the_table_has_a_row_for_every_group() -> None:
    assert sorted(group for group, _ in table()) == sorted(group_options())


@pytest.mark.parametrize("group", group_options())
def test_a_row_names_every_option_of_its_group_and_nothing_else(group: str) -> None:
    assert sorted(dict(table())[group]) == group_options()[group]


@pytest.mark.slow
def test_the_strategy_of_ones_own_runs_as_it_is_printed(workplace: Path) -> None:
    option = block("yaml", "A strategy of your own is one class and one YAML.")
    module, _, _ = yaml.safe_load(option)["_target_"].rpartition(".")
    (workplace / "mine/sampler").mkdir(parents=True)
    (workplace / "mine/sampler/cautious.yaml").write_text(option, encoding="utf-8")
    code = block("python", "A strategy of your own is one class and one YAML.")
    (workplace / f"{module}.py").write_text(code, encoding="utf-8")
    assert "`PYTHONPATH=. karl run sampler=cautious --config-dir mine`" in README
    path = os.pathsep.join([".", str(ROOT)])
    command = ("run", "sampler=cautious", "--config-dir", "mine", *TINY)
    assert (
        "Macro-F1 by round: cautious sampling" in done(finish(start(*command, PYTHONPATH=path))).out
    )
    (selected,) = workplace.glob("runs/demo-cautious-*/rounds/0001/selected.csv")
    assert len(selected.read_text(encoding="utf-8").splitlines()) > 10


def test_its_lines_of_python_are_those_that_the_page_on_python_carries_out() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert block("python", "## From Python") == page.partition("```python\n")[2].partition("```")[0]
