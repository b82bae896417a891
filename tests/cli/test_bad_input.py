# ruff: noqa: E501  a row a line is how a table of cases is read
"""What a person can get wrong: one message that says what and where, and nothing is touched."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.small_shop import Answer, done, finish, karl, settings, snapshot, start, write_shop

NAME = ("--name", "spoilt")
RUN = Path("runs/spoilt")
Change = Callable[[str], str]


def replaced(old: str, new: str) -> Change:
    return lambda text: text.replace(old, new, 1)


def appended(line: str) -> Change:
    return lambda text: text + line + "\n"


def only(keep: Callable[[str], bool]) -> Change:
    """Keep the header and some lines."""
    return lambda text: "".join(
        line for n, line in enumerate(text.splitlines(keepends=True)) if n == 0 or keep(line)
    )


BAD_FILES = [
    ("missing column", "catalogue.csv", replaced("title", "name"), ("column 'title'", "There are: item_id, name")),
    ("duplicate item", "catalogue.csv", appended("0003,pen,office,pens,1"), ("row 122, column 'item_id'", "'0003' was already given in row 5")),
    ("price in words", "catalogue.csv", appended("9999,pen,office,pens,cheap"), ("row 122, column 'price'", "'cheap' is not a number")),
    ("empty file", "catalogue.csv", lambda _: "", ("the file is empty",)),
    ("only a header", "pairs_id.csv", only(lambda _: False), ("has no rows",)),
    ("unknown label", "pairs_id.csv", appended("0001,0002,12"), ("row 152, column 'label'", "'12' is no label")),
    ("unknown item", "pairs_ood.csv", appended("0001,nope,1"), ("row 62, column 'item_id_2'", "'nope' is not in the catalogue")),
    ("unknown vote", "votes.csv", appended("0001,0002,1,1,substitute"), ("row 402, column 'vote_3'", "'substitute' is no label")),
    ("too few fields", "votes.csv", appended("0001,0002,1"), ("row 402", "has 3 fields where the header has 5")),
]  # fmt: skip

BAD_SETS = [
    ("no complementary pair", "pairs_id.csv", only(lambda line: not line.endswith(",2\n")), ("only 0 labelled pairs are complementary", "split.n_folds")),
    ("no substitute in OOD", "pairs_ood.csv", only(lambda line: not line.endswith(",1\n")), ("no pair in the evaluation set 'ood' that is substitute", "Every set needs every relation")),
    ("no OOD set", "pairs_ood.csv", None, ("has no labelled pairs 'ood'", "split=id")),
    ("no catalogue", "catalogue.csv", None, ("there is no catalogue table", "catalogue.csv")),
    ("no votes", "votes.csv", None, ("has no recorded votes", "llm=oracle")),
]  # fmt: skip

BAD_OVERRIDES = [
    ("oracle without the truth", "llm=oracle", ("llm=oracle", "has no true labels", "llm=replay")),
    ("cards that are not there", "cards=recorded", ("came without item cards", "cards.path")),
    ("more votes than recorded", "llm.votes=4", ("llm.votes=4", "only 3 votes per pair on record")),
    ("fold that is not there", "split.fold=9", ("split.fold=9", "folds are 0 to 4")),
    ("categories too few", "split=cluster split.fold=4", ("evaluation set 'ood' without a pair", "fewer folds")),
    ("more folds than pairs", "split.n_folds=100", ("with 100 folds some fold would have none", "Lower split.n_folds")),
    ("unknown experiment", "experiment=papre", ("experiment=papre: there is no such experiment", "Choose one of: demo, fbl_cards, fbl_names, paper")),
    ("unknown option of a group", "sampler=magic", ("sampler=magic: there is no such sampler", "Choose one of: badge, balance, dynamic, entropy, kcenter, least_confidence, margin, qbc, random, typiclust")),
    ("unknown key", "budget.round=3", ("there is no configuration key 'budget.round'", "'budget' has: rounds", "Did you mean budget.rounds?")),
    ("unknown group", "samplers=qbc", ("there is no configuration key 'samplers'", "Did you mean sampler?")),
    ("added key", "+budget.rond=3", ("there is no configuration key 'budget.rond'", "'budget' has: rounds")),
    ("added group", "+smpler=qbc", ("smpler",)),
    ("no equals sign", "sampler", ("'sampler' is no override", "KEY=VALUE")),
    ("open bracket", "encoder.columns=[title", ("'encoder.columns=[title' is no override", "quote values")),
    ("wrong type", "budget.rounds=many", ("budget.rounds", "'many'", "karl config")),
    ("out of range", "budget.labels_per_round=0", ("budget.labels_per_round", "greater than or equal to 1, not 0")),
    ("nested wrong type", "classifier.tuning.trials=x", ("classifier.tuning.trials", "'x'")),
    ("seed in words", "seed=lucky", ("seed", "'lucky'")),
    ("nothing chosen", "~llm", ("llm: nothing is chosen", "llm=OPTION")),
    ("folder that is not there", "data.folder=nowhere", ("'nowhere' is neither a folder nor an imported data set",)),
    ("class that is not there", "sampler._target_=karl.samplers.Magic", ("sampler._target_: 'karl.samplers.Magic' is no strategy of the group 'sampler'", "karl.samplers.qbc.QueryByCommittee")),
    ("column that is not there", "encoder.parts.names.columns=[title,colour]", ("no column 'colour' to encode", "It has: item_id, title")),
    ("interpolation of nothing", "encoder.parts.names.n_dims=${nothing}", ("Interpolation key 'nothing' not found",)),
]  # fmt: skip


@pytest.fixture
def spoilt(shop: Path, workplace: Path) -> Path:
    """A copy of the shop that may be spoilt."""
    return Path(shutil.copytree(shop, workplace / "spoilt"))


def refused(*arguments: str) -> Answer:
    """Call a command that must do nothing but say why, in one message."""
    before = snapshot(Path("runs"))
    answer = karl(*arguments)
    assert answer.code == 2, answer
    assert answer.out == ""
    assert re.findall(r"^karl: ", answer.err, re.MULTILINE) == ["karl: "]
    assert answer.err.startswith("karl: ")
    assert answer.err.endswith("\n")
    assert "Traceback" not in answer.err
    assert snapshot(Path("runs")) == before
    return answer


def spoil(file: Path, change: Change | None) -> None:
    if change is None:
        file.unlink()
    else:
        file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in (*BAD_FILES, *BAD_SETS)],
)
def test_bad_data_make_no_run(
    name: str, change: Change | None, says: tuple[str, ...], spoilt: Path
) -> None:
    spoil(spoilt / name, change)
    message = refused("run", *settings(spoilt), *NAME).err
    assert all(part in message for part in says), message
    if any(row[1] == name and row[2] is change for row in BAD_FILES):
        assert message.startswith(f"karl: {spoilt / name}")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("overrides", "says"),
    [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in BAD_OVERRIDES],
)
def test_bad_overrides_make_no_run(overrides: str, says: tuple[str, ...], shop: Path) -> None:
    given = ("data=tables", f"data.folder={shop}", "llm=replay", *overrides.split())
    message = refused("run", *given, *NAME).err
    assert all(part in message for part in says), message
    assert not Path("runs").exists()


def test_an_experiment_without_data_is_refused() -> None:
    for name in (NAME, ()):
        assert "data: nothing is chosen" in refused("run", "~data", *name).err


def test_a_strategy_that_is_not_karls_is_told_once() -> None:
    answer = finish(start("config", "sampler._target_=karl.samplers.Magic"))
    assert answer.code == 2
    assert answer.err.startswith("karl: sampler._target_: ")
    assert answer.err.count("'karl.samplers.Magic'") == 1


def test_pairs_without_recorded_votes_are_told(shop: Path) -> None:
    answer = karl("run", *settings(shop, "candidates=stratified"), *NAME)
    assert answer.code == 2
    assert "candidate pairs have no votes on record" in answer.err
    assert answer.err.endswith("Use candidates=recorded, which proposes only pairs on record.\n")
    assert not Path("runs").exists()


def test_another_encoding_is_located(spoilt: Path) -> None:
    file = spoilt / "catalogue.csv"
    file.write_bytes(file.read_bytes() + "9999,Füller,office,pens,1\n".encode("latin-1"))
    message = refused("run", *settings(spoilt), *NAME).err
    assert message.startswith(f"karl: {file}, row 122: ")
    assert "UTF-8" in message


def test_bad_input_leaves_a_run_that_exists_as_it_is(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop")
    done(karl("seed", *settings(shop), *NAME))
    good = snapshot(shop)
    for _, name, change, says in (*BAD_FILES, *BAD_SETS):
        spoil(shop / name, change)
        message = refused("run", *NAME).err
        assert all(part in message for part in says), message
        (shop / name).write_bytes(good[name])
    refused("run", *settings(shop, "sampler=magic"), *NAME)
    done(karl("select", *NAME))


def test_debug_shows_where_it_happened(shop: Path) -> None:
    bad = ("run", *settings(shop, "seed=lucky"))
    for arguments in (("--debug", *bad), (*bad, "--debug")):
        answer = karl(*arguments)
        assert answer.code == 2
        assert answer.err.startswith("Traceback (most recent call last):")
        assert answer.err.splitlines()[-2].startswith("karl: seed: ")


def test_a_failure_inside_is_one_message_and_tells_of_debug(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from karl.runs.loop import STAGES

    monkeypatch.setitem(STAGES, "seed", lambda *_: 1 / 0)
    answer = karl("run", *settings(shop), *NAME)
    assert answer.code == 1
    assert answer.err == (
        "karl: ZeroDivisionError: division by zero\n`--debug` shows where it happened.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--nmae", "x"], "--name"),
        (["run", "--name"], "--name"),
        (["report"], "NAME"),
        (["walk"], "walk"),
        (["run", "--config-dir", "nowhere"], "nowhere"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], says: str) -> None:
    answer = karl(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err
    assert "Traceback" not in answer.err
