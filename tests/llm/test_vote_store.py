from __future__ import annotations

import os
import random
import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from filelock import FileLock
from llm.asking import PROMPT, account, backend, questions, rows, start, states, votes
from llm.store_rows import (
    MOST,
    USED,
    answer,
    call,
    claim,
    hold,
    open_new,
    settle,
    write,
    write_many,
)

from karl.errors import KarlError, UsageError
from karl.llm.budget import Usage
from karl.llm.client import ask
from karl.llm.store import Answer, Experience, VoteStore

KEY, OTHER = ("question", 0), ("question", 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "votes.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[VoteStore]:
    with VoteStore(path) as opened:
        yield opened


def wait_for_file(file: Path) -> None:
    while not file.exists():
        time.sleep(0.005)


def killed(process: BaseProcess) -> None:
    process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(
    "value", [5, "さけ", {"name": "rice", "uses": ["a", "é"]}, [1, 2], True, 0, "", 0.5]
)
def test_what_is_written_can_be_read_back(value: object, path: Path) -> None:
    with VoteStore(path) as store:
        number = write(store, KEY, value)
    with VoteStore(path) as store:
        assert store.find([KEY]) == {
            KEY: Answer(value, answer(KEY, value).raw, number, repaired=False)
        }
        assert store.find([KEY])[KEY].final
        assert store.find([OTHER]) == {}
        assert store.find([]) == {}


@pytest.mark.parametrize("value", ["rice \ud83c", {"name": ["\udf5a rice"]}])
def test_half_a_character_is_replaced(value: object, store: VoteStore) -> None:
    write(store, KEY, value)
    found = store.find([KEY])[KEY]
    assert "?" in str(found.value)


def test_an_invalid_answer_is_final_once_it_is_repaired(store: VoteStore) -> None:
    write(store, KEY, None)
    assert not store.find([KEY])[KEY].final
    write(store, KEY, None, repaired=True)
    assert store.find([KEY])[KEY].final


def test_an_answer_cannot_come_twice(store: VoteStore) -> None:
    write(store, KEY, 3)
    number = claim(store, OTHER)
    settle(store, number, answer(KEY, 4), answer(OTHER, 5))
    found = store.find([KEY, OTHER])
    assert (found[KEY].value, found[OTHER].value) == (3, 5)
    assert len(votes(store.path)) == 2


def test_a_retraction_takes_the_place_of_an_answer(store: VoteStore) -> None:
    number = write(store, KEY, 3)
    with store.transaction():
        store.add(answer(KEY, 7), number)
    assert store.find([KEY])[KEY].value == 7
    assert rows(store.path, "SELECT value FROM answers ORDER BY id") == [("3",), ("7",)]


def test_what_is_answered_is_not_asked_again(store: VoteStore) -> None:
    write(store, KEY, 3)
    with store.transaction():
        refused = store.claim(call(KEY, OTHER))
    assert (refused.call, refused.answered, refused.busy) == (None, (KEY,), ())
    assert states(store.path) == {"answered": 1}


def test_an_invalid_answer_may_be_asked_again_once(store: VoteStore) -> None:
    write(store, KEY, None)
    settle(store, claim(store, KEY), answer(KEY, None, repaired=True))
    with store.transaction():
        assert store.claim(call(KEY)).answered == (KEY,)


def test_what_a_process_is_asking_is_not_asked_by_another(path: Path, store: VoteStore) -> None:
    process = start(hold, path, "theirs", KEY)
    wait_for_file(path.with_name("theirs.held"))
    with store.transaction():
        refused = store.claim(call(KEY, OTHER))
    assert (refused.call, refused.answered, refused.busy) == (None, (), (KEY,))
    with pytest.raises(UsageError, match="another process is asking"), store.open_account("theirs"):
        pass
    killed(process)
    with store.transaction():
        assert store.claim(call(KEY, OTHER)).call is not None
    assert states(path) == {"lost": 1, "open": 1}
    assert store.spent("theirs") == MOST


def test_calls_of_a_killed_process_are_lost_when_its_account_is_opened(
    path: Path, store: VoteStore
) -> None:
    process = start(hold, path, "theirs", KEY, OTHER)
    wait_for_file(path.with_name("theirs.held"))
    killed(process)
    assert store.spent("theirs") == Usage()
    with store.open_account("theirs") as n_lost:
        assert n_lost == 1
    with store.open_account("theirs") as n_lost:
        assert n_lost == 0
    assert store.spent("theirs") == MOST


def test_an_account_that_is_open_in_this_process_is_busy_too(path: Path, store: VoteStore) -> None:
    with VoteStore(path) as other, other.open_account("theirs"):
        claim(other, KEY, account="theirs")
        with store.transaction():
            assert store.claim(call(KEY)).busy == (KEY,)


def test_an_account_that_another_process_only_looks_at_can_be_opened(store: VoteStore) -> None:
    lock = FileLock(store.path.with_name(".votes.sqlite.locks") / "run.lock", thread_local=False)
    lock.acquire()
    looking = threading.Timer(0.1, lock.release)
    looking.start()
    with store.open_account("run") as n_lost:
        assert n_lost == 0
    looking.join()


def test_only_answered_and_lost_calls_are_spent(store: VoteStore) -> None:
    for state in ("answered", "failed", "lost"):
        settle(store, claim(store, (state, 0)), state=state)
    claim(store, ("open", 0))
    claim(store, ("theirs", 0), account="theirs")
    assert store.spent("run") == USED + USED


def test_what_answers_took_is_counted_once_for_each_call(store: VoteStore) -> None:
    both = claim(store, KEY, OTHER)
    settle(store, both, answer(KEY, 1), answer(OTHER, None))
    settle(store, claim(store, OTHER), answer(OTHER, 2, repaired=True))
    write(store, ("another", 0), 3)
    assert store.used([KEY, OTHER]) == USED + USED
    assert store.used([KEY]) == USED
    assert store.used([("unknown", 0)]) == Usage()


def test_experience_is_what_a_prompt_took(store: VoteStore) -> None:
    assert store.experience("m", "p") is None
    assert store.fewest_tokens_in("m", "p") is None
    write(store, KEY, 1)
    settle(store, claim(store, OTHER), state="lost")
    settle(store, claim(store, ("another", 0), prompt="another"))
    assert store.experience("m", "p") == Experience(USED, answers=1, questions=1, latency_s=1.5)
    assert store.fewest_tokens_in("m", "p") == USED.tokens_in
    assert store.fewest_tokens_in("other", "p") is None


def test_votes_can_be_looked_at_in_plain_sql(store: VoteStore) -> None:
    write(store, KEY, 4)
    query = "SELECT item_1, item_2, model, vote, label, tokens_in, cost_usd, account FROM votes"
    assert rows(store.path, query) == [("a", "b", "m", 0, "4", 60, 0.25, "run")]


def test_thousands_of_keys_are_found_at_once(store: VoteStore) -> None:
    keys = [(f"question {n}", vote) for n in range(5000) for vote in range(3)]
    number = claim(store, *keys)
    settle(store, number, *[answer(key, index % 9) for index, key in enumerate(keys)])
    found = store.find(keys)
    assert [found[key].value for key in keys] == [index % 9 for index in range(len(keys))]
    assert len(store.find(keys[::7])) == len(keys[::7])
    assert store.used(keys) == USED


def test_an_error_undoes_a_transaction(store: VoteStore) -> None:
    def fail() -> None:
        with store.transaction():
            number = store.claim(call(KEY)).call
            assert number is not None
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert states(store.path) == {}
    write(store, KEY, 1)


def test_two_processes_that_write_at_once_lose_nothing(path: Path) -> None:
    both = [start(write_many, path, name, 150) for name in ("ours", "theirs")]
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert len(votes(path)) == 300
    assert states(path) == {"answered": 300}


def test_processes_that_make_the_store_at_once_agree(path: Path) -> None:
    several = [start(open_new, path, f"run {n}") for n in range(6)]
    path.with_name("go").touch()
    for process in several:
        process.join(60)
    assert [process.exitcode for process in several] == [0] * 6
    assert len(votes(path)) == 18


def test_kills_in_the_middle_of_writes_lose_nothing_that_was_there(path: Path) -> None:
    chance = random.Random(1)
    told = path.with_name("run.txt")
    for _ in range(8):
        n_told = told.stat().st_size if told.exists() else 0
        process = start(write_many, path, "run", 10_000)
        while not told.exists() or told.stat().st_size < n_told + 40:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.02))
        killed(process)
        numbers = {int(line) for line in told.read_text().split()}
        with VoteStore(path) as store:
            found = store.find([(f"run {number}", 0) for number in numbers])
        assert {stored.value for stored in found.values()} <= set(range(1, 10))
        assert len(found) == len(numbers)
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    count = states(path)
    assert count["answered"] == len(votes(path))
    assert count["lost"] + count["open"] <= 8


def test_a_file_that_is_no_database_is_a_readable_error(path: Path) -> None:
    path.write_text("item_a,item_b,label\n" * 100)
    with pytest.raises(KarlError, match=r"votes.sqlite cannot be used as a vote store") as error:
        VoteStore(path)
    assert "Restore it from a backup" in str(error.value)
    assert path.read_text().startswith("item_a")


def test_a_damaged_file_is_a_readable_error(path: Path) -> None:
    keys = [(f"question {n}", 0) for n in range(2000)]
    with VoteStore(path) as store:
        settle(store, claim(store, *keys), *[answer(key, 1) for key in keys])
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    asked = questions(3)
    with pytest.raises(KarlError, match=r"votes.sqlite"):
        ask(backend("http://127.0.0.1:9/v1"), PROMPT, asked, account(path.parent))


def test_a_newer_format_is_a_readable_error(path: Path) -> None:
    VoteStore(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(KarlError, match="its format is 99, this karl knows 2 and earlier ones"):
        VoteStore(path)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of an administrator, to whom no folder is read-only."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("exists", [True, False])
def test_a_read_only_folder_is_a_readable_error(exists: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "read-only"
        folder.mkdir()
        if exists:
            VoteStore(folder / "votes.sqlite").close()
            (folder / "votes.sqlite").chmod(0o444)
        Path(name).chmod(0o755)
        folder.chmod(0o555)
        with as_nobody(), pytest.raises(KarlError, match=r"read-only/votes.sqlite cannot be used"):
            VoteStore(folder / "votes.sqlite")
        folder.chmod(0o755)


def test_a_file_in_place_of_the_folder_is_a_readable_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KarlError, match="cannot be used as a vote store"):
        VoteStore(tmp_path / "file" / "votes.sqlite")
