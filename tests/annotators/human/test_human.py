from __future__ import annotations

import io
import os
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError
from rich.console import Console

from karl.annotators import Task, Usage
from karl.annotators.human import Human, screen
from karl.annotators.human.answers import ShownPair, shown_pairs
from karl.annotators.human.screen import Screen
from karl.config.settings import Budget
from karl.datasets import Catalogue, Dataset, LabelledPairs
from karl.errors import ConfigError, KarlError, UsageError
from karl.llm.budget import Account, Progress
from karl.llm.store import VoteStore

PAIRS = np.array([[0, 1], [2, 3], [5, 4]], np.int32)
WIDTH = 80


class Person:
    """Types prepared lines, and remembers what was shown and what was kept by then."""

    def __init__(self, keys: str, store: Path) -> None:
        self.keys = iter(keys)
        self.store = store
        self.seen: list[tuple[str, str]] = []
        self.n_kept: list[int] = []
        self.news: list[str] = []
        self.said: list[str] = []

    def show(self, pair: ShownPair, place: str, news: str, *, whole: bool = False) -> None:
        self.seen.append(pair.ids)
        self.news.append(news)
        self.n_kept.append(len(rows(self.store)))

    def say(self, text: str) -> None:
        self.said.append(text)

    def help(self) -> None:
        self.said.append("help")

    def ask(self, prompt: str = "label") -> str:
        return next(self.keys).replace("↵", "")


def rows(store: Path) -> list[tuple[str, str, str, int, str | None]]:
    """Return every answer that was ever written, oldest first."""
    query = "SELECT item_1, item_2, model, vote, value FROM answers ORDER BY id"
    with sqlite3.connect(store) as db:
        return db.execute(query).fetchall()


@pytest.fixture
def task(dataset: Dataset, tmp_path: Path) -> Task:
    account = Account("first", tmp_path / "votes.sqlite", Budget(calls=0, usd=0.0))
    return Task(dataset, PAIRS, LabelledPairs.empty("human"), account)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def typing(monkeypatch: pytest.MonkeyPatch, keys: str, task: Task) -> Person:
    """Have someone type keys, each followed by Enter; ↵ is Enter alone."""
    person = Person(keys, task.account.store)
    # Not in a fixture: pytest puts its own streams in place after these.
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(screen, "Screen", lambda: person)
    return person


def codes(human: Human, task: Task) -> list[list[int]]:
    found: list[list[int]] = human.annotate(task).votes.codes.tolist()
    return found


def test_what_is_typed_becomes_the_votes(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    person = typing(monkeypatch, "183↵", task)
    annotation = Human().annotate(task)
    assert annotation.votes.codes.tolist() == [[1], [8], [3]]
    assert annotation.votes.items is task.pairs
    assert person.seen == [("i0", "i1"), ("i2", "i3"), ("i5", "i4")]
    assert annotation.prompt


def test_an_answer_is_kept_before_the_next_question_is_shown(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = typing(monkeypatch, "183↵", task)
    Human().annotate(task)
    assert person.n_kept == [0, 1, 2]
    assert rows(task.account.store)[0] == ("i0", "i1", "human/me", 0, "1")


def test_answers_take_nothing_from_a_budget(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    typing(monkeypatch, "183↵", task)
    assert Human().annotate(task).usage == Usage()
    with VoteStore(task.account.store) as store:
        assert store.spent(task.account.name) == Usage()


def test_after_quitting_only_the_rest_is_asked(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    person = typing(monkeypatch, "4q", task)
    with pytest.raises(KeyboardInterrupt):
        Human().annotate(task)
    assert person.said == ["Labels kept: 1, left: 2."]
    again = typing(monkeypatch, "56↵", task)
    assert codes(Human(), task) == [[4], [5], [6]]
    assert again.seen == [("i2", "i3"), ("i5", "i4")]
    assert again.news[0] == "1 kept from before"


def test_answers_are_shared_between_runs_but_not_between_people(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, "123↵", task)
    Human().annotate(task)
    other_run = replace(task, account=replace(task.account, name="second"))
    assert codes(Human(), other_run) == [[1], [2], [3]]
    typing(monkeypatch, "999↵", task)
    assert codes(Human(annotator="花子"), other_run) == [[9], [9], [9]]
    assert codes(Human(), task) == [[1], [2], [3]]


def test_other_columns_are_another_question(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    typing(monkeypatch, "123↵", task)
    Human().annotate(task)
    typing(monkeypatch, "999↵", task)
    assert codes(Human(columns=["title"]), task) == [[9], [9], [9]]


def test_undo_goes_back_and_the_latest_answer_counts(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = typing(monkeypatch, "12uu563↵", task)
    assert codes(Human(), task) == [[5], [6], [3]]
    first, second, third = ("i0", "i1"), ("i2", "i3"), ("i5", "i4")
    assert person.seen == [first, second, third, second, first, second, third]
    assert person.news[3].startswith("taken back: 2 ·")
    # Nothing is overwritten: two answers, two retractions, three answers.
    assert [row[-1] for row in rows(task.account.store)] == ["1", "2", None, None, "5", "6", "3"]


def test_what_was_taken_back_is_asked_again_after_quitting(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, "12uq", task)
    with pytest.raises(KeyboardInterrupt):
        Human().annotate(task)
    again = typing(monkeypatch, "78↵", task)
    assert codes(Human(), task) == [[1], [7], [8]]
    assert again.seen[0] == ("i2", "i3")


def test_the_last_answer_can_be_taken_back(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    person = typing(monkeypatch, "123xu9↵", task)
    assert codes(Human(), task) == [[1], [2], [9]]
    assert person.said[1] == "Enter goes on; u takes the last answer back; q quits"


def test_quitting_after_the_last_answer_keeps_it(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, "123q", task)
    with pytest.raises(KeyboardInterrupt):
        Human().annotate(task)
    typing(monkeypatch, "", task)
    assert codes(Human(), task) == [[1], [2], [3]]


def test_there_is_nothing_to_undo_at_first(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    person = typing(monkeypatch, "u123↵", task)
    assert codes(Human(), task) == [[1], [2], [3]]
    assert person.news[1].startswith("nothing to undo")


def test_what_is_skipped_comes_again_at_the_end(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = typing(monkeypatch, "s23s1↵", task)
    assert codes(Human(), task) == [[1], [2], [3]]
    assert [ids[0] for ids in person.seen] == ["i0", "i2", "i5", "i0", "i0"]
    assert person.news[-1] == "this is the only one left"


def test_keys_that_mean_nothing_are_refused(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    person = typing(monkeypatch, "0x?↵123↵", task)
    assert codes(Human(), task) == [[1], [2], [3]]
    assert [text.partition(";")[0] for text in person.said[:3]] == [
        "no such key",
        "no such key",
        "help",
    ]
    assert len(person.seen) == len(PAIRS)


def test_second_votes_are_asked_for_after_all_first_ones(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = typing(monkeypatch, "123456↵", task)
    assert codes(Human(votes=2), task) == [[1, 4], [2, 5], [3, 6]]
    assert person.seen[:3] == person.seen[3:]


def test_pairs_that_look_the_same_are_asked_once(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    alike = replace(task, pairs=np.array([[0, 1], [3, 4], [1, 0]], np.int32))
    person = typing(monkeypatch, "25↵", alike)
    assert codes(Human(columns=["major_category"]), alike) == [[2], [2], [5]]
    assert len(person.seen) == 2


def test_the_terminal_is_left_to_the_person(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Progress] = []
    watched = replace(task, account=replace(task.account, watch=told.append))
    typing(monkeypatch, "123↵", task)
    Human().annotate(watched)
    assert [(progress.typed, progress.total) for progress in told] == [(True, 3)]


def test_two_processes_do_not_ask_on_the_same_account(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, "", task)
    with (
        VoteStore(task.account.store) as store,
        store.open_account("first"),
        pytest.raises(UsageError, match="another process"),
    ):
        Human().annotate(task)


def test_without_pairs_only_the_settings_are_checked(dataset: Dataset, tmp_path: Path) -> None:
    nothing = Task(
        *(dataset, PAIRS[:0], LabelledPairs.empty("human")),
        Account("first", tmp_path / "none" / "votes.sqlite"),
    )
    annotation = Human(votes=2).annotate(nothing)
    assert annotation.votes.codes.shape == (0, 2)
    assert annotation.prompt
    assert not (tmp_path / "none").exists()
    with pytest.raises(ConfigError, match="no column 'colour' to show") as error:
        Human(columns=["colour"]).annotate(nothing)
    assert "It has: title, major_category, fine_category, price." in str(error.value)
    with pytest.raises(ConfigError, match="nothing of the items is shown"):
        Human(columns=[]).annotate(nothing)


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_without_a_terminal_sheets_are_named_and_only_if_something_is_missing(
    task: Task, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    typing(monkeypatch, "12q", task)
    with pytest.raises(KeyboardInterrupt):
        Human().annotate(task)
    monkeypatch.setattr(sys, stream, io.StringIO())
    with pytest.raises(UsageError, match="no terminal") as error:
        Human().annotate(task)
    assert "karl sheet write first FILE.csv" in str(error.value)
    assert codes(Human(), replace(task, pairs=PAIRS[:2])) == [[1], [2]]


def test_a_full_disk_is_told(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    typing(monkeypatch, "123↵", task)

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(VoteStore, "record", fail)
    with pytest.raises(KarlError, match="disk is full"):
        Human().annotate(task)


@pytest.mark.parametrize("wrong", [{"annotator": " "}, {"annotator": ""}, {"votes": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Human(**wrong)  # type: ignore[arg-type]


def shown(catalogue: Catalogue, columns: list[str] | None = None, **how: bool) -> str:
    """Return what the screen shows of the first two items, at 80 columns."""
    paper = io.StringIO()
    drawn = Screen(Console(file=paper, width=WIDTH, highlight=False))
    (pair,) = shown_pairs(catalogue, np.array([[0, 1]]), columns)
    drawn.show(pair, "pair 1 of 1", "put off", **how)
    return paper.getvalue()


@pytest.fixture
def strange() -> Catalogue:
    """Two items whose texts would do harm to a terminal, or fill it."""
    titles = ["ペン [bold]赤[/] \x1b[2J\x1b]0;owned\x07", "refill\r\n\u202egnp\tx"]
    texts = ["word " * 100, None]
    table = {"item_id": ["1", "2"], "title": titles, "text": texts, "price": [12.0, 0.5]}
    return Catalogue(pl.DataFrame(table))


def test_the_screen_shows_both_items_and_all_labels(catalogue: Catalogue) -> None:
    text = shown(catalogue)
    lines = text.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) <= 24
    title = next(line for line in lines if "title" in line)
    assert title.index("thing 0") < title.index("thing 1")
    for code in range(1, 10):
        assert any(line.startswith(f" {code}  ") for line in lines)
    for part in ("pair 1 of 1", "put off", "u undo", "fine category", "complementary"):
        assert part in text


def test_texts_of_a_catalogue_do_nothing_to_the_terminal(strange: Catalogue) -> None:
    text = shown(strange)
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(text)
    assert "[bold]赤[/]" in text
    assert " 12 " in text


def test_long_texts_are_cut_until_asked_for(strange: Catalogue) -> None:
    assert "…" in shown(strange)
    assert "…" not in shown(strange, whole=True)
    assert shown(strange, whole=True).count("word") == 100


def test_items_of_a_title_alone_need_no_names(strange: Catalogue) -> None:
    assert "title" not in shown(strange, ["title"])


@pytest.mark.parametrize(
    ("typed", "key"), [("３\n", "3"), (" U \n", "u"), ("？\n", "?"), ("\n", ""), ("", "q")]
)
def test_keys_are_read_as_they_are_meant(
    monkeypatch: pytest.MonkeyPatch, typed: str, key: str
) -> None:
    assert read_key(typed.encode(), monkeypatch) == key


def test_bytes_that_are_no_text_are_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_key(b"\xff\n", monkeypatch) not in set("123456789usmq?")


def read_key(typed: bytes, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what the screen makes of what is typed."""
    reading, writing = os.pipe()
    os.write(writing, typed)
    os.close(writing)
    with open(reading, encoding="utf-8") as stdin:  # noqa: PTH123  it has no path
        monkeypatch.setattr(sys, "stdin", stdin)
        return Screen(Console(file=io.StringIO(), width=WIDTH)).ask()
