from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli.small_shop import done, karl, results, settings, snapshot, write_shop

NAME = ("--name", "mine")
RUN = Path("runs/mine")


def refused(*arguments: str) -> str:
    """Call a command that must not touch the run; return its message."""
    before = snapshot(RUN)
    answer = karl(*arguments, *NAME)
    assert answer.code == 2, answer
    assert answer.err.count("karl: ") == 1
    assert answer.out == ""
    assert snapshot(RUN) == before
    return answer.err


@pytest.mark.parametrize("command", ["run", "round", "seed", "select"])
def test_another_configuration_is_refused_with_the_differences(
    command: str, mine: Path, shop: Path
) -> None:
    message = refused(command, *settings(shop, "seed=7", "sampler=qbc", "split.fold=1"))
    assert "the run 'mine' was started with another configuration:" in message
    for difference in (
        "seed: 0 → 7",
        "split.fold: 0 → 1",
        'choices.sampler: "margin" → "qbc"',
        'sampler.disagreement: nothing → "variance"',
    ):
        assert f"  {difference}\n" in message
    assert "budget" not in message
    assert "--name" in message.splitlines()[-1]


@pytest.mark.parametrize("override", ["budget.labels_per_round=3", "+llm.model=x", "seed=1"])
def test_what_may_not_change_is_refused(override: str, mine: Path, shop: Path) -> None:
    refused("run", *settings(shop, override))
    refused("run", override)


def test_more_rounds_later_equal_as_many_at_once(mine: Path, in_one_go: Path, shop: Path) -> None:
    done(karl("run", *settings(shop, "budget.rounds=2"), *NAME))
    done(karl("run", *settings(shop, "budget.rounds=3"), *NAME))
    assert results(mine) == results(in_one_go)


def test_limits_may_be_changed_by_name(mine: Path, in_one_go: Path) -> None:
    done(karl("run", "budget.rounds=2", *NAME))
    done(karl("run", "budget.rounds=3", "budget.labels=1000", *NAME))
    assert results(mine) == results(in_one_go)


def test_fewer_rounds_than_done_are_no_reason_to_do_anything(mine: Path) -> None:
    before = results(mine)
    assert "Nothing to do" in done(karl("round", "budget.rounds=0", *NAME)).out
    assert results(mine) == before


def test_a_changed_limit_is_checked_as_any_other_value(mine: Path) -> None:
    assert "budget.rounds" in refused("run", "budget.rounds=some")
    assert "budget.rounds" in refused("run", "budget.rounds=-1")
    assert "is no override" in refused("run", "budget.labels")
    assert "is no override" in refused("run", "budget.rounds=[1")


def test_a_name_alone_means_the_run_as_it_was_configured(mine: Path) -> None:
    before = snapshot(mine)
    assert done(karl("run", *NAME)).err == ""
    assert snapshot(mine) == before


def test_a_run_without_a_name_is_named_after_its_configuration(shop: Path) -> None:
    overrides = settings(shop, "budget.rounds=0")
    done(karl("run", *overrides))
    done(karl("run", *settings(shop, "budget.rounds=1")))
    done(karl("seed", *overrides, "seed=1"))
    names = [path.name for path in Path("runs").iterdir()]
    assert len(names) == 2
    assert all(name.startswith("tables-margin-") for name in names)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("catalogue.csv", "red ballpoint", "pink ballpoint"),
        ("pairs_id.csv", ",1\n", ",2\n"),
        ("pairs_ood.csv", ",1\n", ",2\n"),
        ("votes.csv", ",8,8,8\n", ",8,8,9\n"),
    ],
)
def test_changed_data_are_refused_until_they_are_back(
    file: str, old: str, new: str, tmp_path: Path
) -> None:
    shop = write_shop(tmp_path / "changing")
    done(karl("run", *settings(shop, "budget.rounds=1"), *NAME))
    before = (shop / file).read_text()
    (shop / file).write_text(before.replace(old, new, 1))
    assert "the data of the run 'mine' have changed since it was started" in refused("run")
    (shop / file).write_text(before)
    done(karl("run", "budget.rounds=2", *NAME))


def test_data_that_are_gone_are_refused(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "going")
    done(karl("seed", *settings(shop), *NAME))
    shutil.rmtree(shop)
    assert "going' is neither a folder nor an imported data set" in refused("run", *NAME)


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", ".hidden", "", "a b", "x\n"])
@pytest.mark.parametrize("command", ["run", "select", "report"])
def test_a_name_that_is_no_name_is_refused(
    command: str, name: str, shop: Path, workplace: Path
) -> None:
    arguments = ["--", name] if command == "report" else [f"--name={name}", *settings(shop)]
    before = snapshot(workplace)
    answer = karl(command, *arguments)
    assert answer.code == 2
    assert f"karl: '{name}' cannot be the name of a run" in answer.err
    assert snapshot(workplace) == before
    assert not Path("runs").exists()
    assert not Path("/x").exists()
