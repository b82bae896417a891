"""A vote store of karl 0.1.0 is brought to the present version, and nothing in it is paid again."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from llm.asking import PROMPT, STORE, account, ask_here, backend, questions, rows, spent, start
from llm.loopback import Loopback
from llm.store_rows import DIED, migrate_and_die

from karl.annotators import Task
from karl.annotators.llm import LLM
from karl.datasets import Catalogue, Dataset, LabelledPairs
from karl.errors import BudgetExhausted, KarlError
from karl.llm.budget import Usage
from karl.llm.client import ask
from karl.llm.migrations import VERSION
from karl.llm.store import VoteStore

MADE = Path(__file__).with_name("made_by_0_1_0") / "votes.sqlite.gz"
TABLES = ("calls", "claims", "outcomes", "answers")
SPENT = {
    "run": Usage(16, 0, 0, 0.00618 + 0.00432),
    "sweep/job": Usage(3, 0, 0, 0.00878),
    "batched": Usage(3, 0, 0, 0.00051),
    "human/me": Usage(1),
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / STORE
    path.write_bytes(gzip.decompress(MADE.read_bytes()))
    return path


def content(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    return {table: rows(store, f"SELECT * FROM {table} ORDER BY rowid") for table in TABLES}


def execute(store: Path, *statements: str) -> None:
    with closing(sqlite3.connect(store)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def test_every_row_is_kept(store: Path) -> None:
    before = content(store)
    assert len(before["answers"]) == 28
    assert rows(store, "PRAGMA user_version") == [(1,)]
    VoteStore(store).close()
    assert rows(store, "PRAGMA user_version") == [(VERSION,)]
    assert content(store) == before
    assert rows(store, "SELECT name FROM sqlite_master WHERE name LIKE '%batch%'") == []
    assert rows(store, "PRAGMA integrity_check") == [("ok",)]
    assert rows(store, "SELECT count(*) FROM votes") == [(28,)]


def test_it_becomes_what_a_new_store_is(store: Path, tmp_path: Path) -> None:
    VoteStore(store).close()
    VoteStore(tmp_path / "new.sqlite").close()
    query = "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY name"
    assert rows(store, query) == rows(tmp_path / "new.sqlite", query)
    for table in (*TABLES, "votes"):
        query = f"SELECT name, type FROM pragma_table_info('{table}')"
        assert rows(store, query) == rows(tmp_path / "new.sqlite", query)


def test_the_same_questions_are_not_asked_again(loopback: Loopback, store: Path) -> None:
    model = backend(loopback.url)
    answers = ask(model, PROMPT, questions(6), account(store.parent, calls=0), votes=2).answers
    assert [[answer.value is None for answer in votes] for votes in answers] == [
        [False, False]
    ] * 5 + [[True, True]]
    # An answer is an answer, however it was asked for.
    batched = ask(model, PROMPT, questions(3, 10), account(store.parent, calls=0))
    assert all(votes[0].value in range(1, 10) for votes in batched.answers)
    assert loopback.log() == []


def test_the_label_prompt_asks_the_same_questions(loopback: Loopback, store: Path) -> None:
    titles = ["rice cooker", "brown rice", "soy sauce", "tea pot"]
    catalogue = Catalogue(pl.DataFrame({"item_id": list("abcd"), "title": titles}))
    model = {"provider": "hosted_vllm", "model": "small", "structured": True, "choices": True}
    prices = {"price_in_usd_per_mtok": 10.0, "price_out_usd_per_mtok": 40.0}
    llm = LLM(api_base=loopback.url, **model, **prices)  # type: ignore[arg-type]
    pairs = np.array([[0, 1], [1, 0], [2, 3]], np.int32)
    task = Task(
        Dataset("shop", catalogue, {}),
        pairs,
        LabelledPairs.empty("human"),
        account(store.parent, "another", calls=0),
    )
    found = llm.annotate(task)
    assert found.votes.codes.tolist() == [[3, 3, 3], [4, 9, 4], [9, 9, 9]]
    assert loopback.log() == []


@pytest.mark.parametrize("name", SPENT)
def test_what_was_spent_is_remembered(name: str, store: Path) -> None:
    used = spent(store, name)
    assert used.calls == SPENT[name].calls
    assert used.cost_usd == pytest.approx(SPENT[name].cost_usd)


def test_the_budget_counts_what_was_spent(loopback: Loopback, store: Path) -> None:
    with pytest.raises(BudgetExhausted, match="budget of 18 calls"):
        ask(backend(loopback.url), PROMPT, questions(9), account(store.parent, calls=18))
    assert len(loopback.log()) == 2


def test_processes_that_open_it_at_once_bring_it_up_to_date_once(
    loopback: Loopback, store: Path
) -> None:
    before = content(store)
    asked = questions(6)
    several = [start(ask_here, loopback.url, store.parent, f"run {n}", asked) for n in range(4)]
    for process in several:
        process.join(60)
    assert [process.exitcode for process in several] == [0] * 4
    assert rows(store, "PRAGMA user_version") == [(VERSION,)]
    assert content(store) == before
    assert loopback.log() == []


def test_a_process_that_dies_on_the_way_leaves_it_as_it_was(store: Path) -> None:
    before = content(store)
    process = start(migrate_and_die, store)
    process.join(60)
    assert process.exitcode == DIED
    assert rows(store, "PRAGMA user_version") == [(1,)]
    assert rows(store, "SELECT count(*) FROM batch_calls") == [(3,)]
    assert content(store) == before
    VoteStore(store).close()
    assert rows(store, "PRAGMA user_version") == [(VERSION,)]


def test_an_open_batch_is_left_to_the_version_that_sent_it(store: Path) -> None:
    execute(
        store,
        "DELETE FROM batch_states WHERE state = 'ended'",
        "DELETE FROM outcomes WHERE call IN (SELECT call FROM batch_calls LIMIT 2)",
    )
    before = content(store)
    refusal = r"2 requests are in batches at the provider \(2 of the run 'batched'\)"
    with pytest.raises(KarlError, match=refusal) as refused:
        VoteStore(store)
    assert "karl 0.1.0, running the same command again, collects" in str(refused.value)
    assert "backup" not in str(refused.value)
    assert rows(store, "PRAGMA user_version") == [(1,)]
    assert content(store) == before
