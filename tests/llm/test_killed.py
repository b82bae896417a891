from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from llm.asking import (
    PROMPT,
    STORE,
    account,
    ask_here,
    backend,
    questions,
    rows,
    spent,
    start,
    states,
    texts,
    votes,
)
from llm.loopback import Loopback

from karl.llm.client import ask, question_keys
from karl.llm.prompt import Question
from karl.llm.store import VoteStore

ASKED = questions(120)
VOTES = 3
KILLS = 20
CONCURRENCY = 16
# In which a process ends after a second interruption, also on a busy machine.
SECONDS = 20


def wait_for(condition: Callable[[], bool], process: BaseProcess) -> None:
    """Wait until something is so, or the process has ended."""
    while process.is_alive() and not condition():
        time.sleep(0.002)


def asking(server: Loopback, folder: Path, asked: list[Question] = ASKED) -> BaseProcess:
    return start(ask_here, server.url, folder, "run", asked, VOTES, CONCURRENCY)


def ended(process: BaseProcess) -> int | None:
    process.join(60)
    return process.exitcode


def lost_by_text(store: Path, asked: list[Question]) -> Counter[str]:
    """Return how many calls about each text were lost."""
    keys = question_keys(backend("http://127.0.0.1/v1"), PROMPT, asked)
    text_of = {of_question[0][0]: question.content for question, of_question in keys.items()}
    query = "SELECT question FROM claims JOIN outcomes USING (call) WHERE state = 'lost'"
    return Counter(text_of[question] for (question,) in rows(store, query))


def reported(folder: Path, what: str) -> int:
    """Return the sum of what the processes logged as lost."""
    log = folder / "run.log"
    said = log.read_text() if log.exists() else ""
    return sum(int(count) for count in re.findall(rf"^(\d+) {what}", said, re.MULTILINE))


def check_that_every_vote_was_paid_once(server: Loopback, folder: Path) -> None:
    store = folder / STORE
    assert len(votes(store)) == len(ASKED) * VOTES
    sent, lost = texts(server.log()), lost_by_text(store, ASKED)
    assert sent.keys() == {question.content for question in ASKED}
    for text, count in sent.items():
        # A call is written down before it is sent: one that was killed between was never sent.
        assert VOTES <= count <= VOTES + lost[text]
    count = states(store)
    assert count["open"] == count["failed"] == 0
    assert count["answered"] == len(ASKED) * VOTES
    assert spent(store).calls == count["answered"] + count["lost"]


def kill_while_asking(server: Loopback, folder: Path, kills: int) -> int:
    """Kill process after process, each after some more requests; return how many were killed."""
    chance = random.Random(0)
    killed = 0
    for _ in range(kills):
        process = asking(server, folder)
        until = server.counts()["requests"] + chance.randint(1, 30)
        wait_for(lambda until=until: server.counts()["requests"] >= until, process)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.06))
        process.kill()
        killed += ended(process) == -signal.SIGKILL
    return killed


@pytest.mark.parametrize("kills", [3, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_kills_lose_nothing_but_the_calls_in_flight(
    kills: int, slow_server: Loopback, tmp_path: Path
) -> None:
    assert kill_while_asking(slow_server, tmp_path, kills) == kills
    assert ended(asking(slow_server, tmp_path)) == 0
    check_that_every_vote_was_paid_once(slow_server, tmp_path)
    lost = states(tmp_path / STORE)["lost"]
    # One for every four in flight is written down ahead: nobody knows if it was sent.
    assert 0 < lost <= kills * CONCURRENCY * 5 / 4
    assert lost == reported(tmp_path, "calls were in flight when an earlier process of 'run' was")
    duplicates = len(slow_server.log()) - len(ASKED) * VOTES
    assert duplicates <= lost


def test_a_killed_process_leaves_the_answers_that_it_got(
    slow_server: Loopback, tmp_path: Path
) -> None:
    process = asking(slow_server, tmp_path)
    wait_for(lambda: slow_server.counts()["requests"] > 60, process)
    process.kill()
    assert ended(process) == -signal.SIGKILL
    found = votes(tmp_path / STORE)
    assert len(found) >= 60 - 2 * CONCURRENCY
    ask(backend(slow_server.url), PROMPT, ASKED, account(tmp_path), votes=VOTES)
    assert found.items() <= votes(tmp_path / STORE).items()


def interrupt(process: BaseProcess, folder: Path, number: int) -> None:
    """Interrupt a process, and wait until it has noticed: two of a kind at once are one."""
    log = folder / "run.log"
    assert process.pid is not None
    os.kill(process.pid, number)
    wait_for(lambda: log.exists() and "stopping after those in flight" in log.read_text(), process)


def signalled(server: Loopback, folder: Path, number: int, again: int | None = None) -> int | None:
    """Interrupt a process while requests are in flight; return its exit status."""
    process = asking(server, folder)
    wait_for(lambda: server.counts()["requests"] > 40, process)
    interrupt(process, folder, number)
    if again is not None:
        assert process.pid is not None
        os.kill(process.pid, again)
        process.join(SECONDS)
        assert process.exitcode is not None
    return ended(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_waits_for_the_answers_in_flight(
    number: int, slow_server: Loopback, tmp_path: Path
) -> None:
    assert signalled(slow_server, tmp_path, number) == 130
    counts = slow_server.counts()
    assert counts["requests"] == counts["answered"] < len(ASKED) * VOTES
    assert states(tmp_path / STORE) == {"answered": counts["answered"]}
    assert len(votes(tmp_path / STORE)) == counts["answered"]
    assert ended(asking(slow_server, tmp_path)) == 0
    assert len(slow_server.log()) == len(ASKED) * VOTES
    check_that_every_vote_was_paid_once(slow_server, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interruption_gives_up_the_answers_in_flight(
    number: int, slow_server: Loopback, tmp_path: Path
) -> None:
    slow_server.faults({"fault": "stall", "every": 20, "times": 2})
    assert signalled(slow_server, tmp_path, number, number) == 130
    count = states(tmp_path / STORE)
    if count["open"] == 0:  # else the machine is so busy that the process was ended the hard way
        assert 2 <= count["lost"] <= CONCURRENCY
        assert reported(tmp_path, "calls got no answer but may have been billed") == count["lost"]
    slow_server.faults()
    assert ended(asking(slow_server, tmp_path)) == 0
    check_that_every_vote_was_paid_once(slow_server, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interruption_ends_a_process_that_hangs(
    number: int, slow_server: Loopback, tmp_path: Path
) -> None:
    process = asking(slow_server, tmp_path)
    wait_for(lambda: slow_server.counts()["requests"] > 40, process)
    # As SQLite waits for two minutes, Python's own handlers of signals wait too.
    with closing(sqlite3.connect(tmp_path / STORE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        wait_for(lambda: slow_server.counts()["in_flight"] == 0, process)
        assert process.pid is not None
        for _ in range(2):
            os.kill(process.pid, number)
            time.sleep(0.5)
        process.join(SECONDS)
        assert process.exitcode == 130
        other.execute("ROLLBACK")
    assert ended(asking(slow_server, tmp_path)) == 0
    check_that_every_vote_was_paid_once(slow_server, tmp_path)


def test_a_limit_of_the_provider_does_not_keep_an_interruption_waiting(
    slow_server: Loopback, tmp_path: Path
) -> None:
    slow_server.faults({"fault": "429", "retry_after": 100, "times": 1})
    process = asking(slow_server, tmp_path)
    wait_for(lambda: bool(slow_server.counts()["by_fault"]), process)
    wait_for(lambda: slow_server.counts()["in_flight"] == 0, process)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    assert ended(process) == 130


def test_one_process_at_a_time_asks_on_an_account(slow_server: Loopback, tmp_path: Path) -> None:
    process = asking(slow_server, tmp_path)
    wait_for(lambda: slow_server.counts()["requests"] > 0, process)
    other = asking(slow_server, tmp_path)
    assert ended(other) == 1
    assert ended(process) == 0
    assert len(slow_server.log()) == len(ASKED) * VOTES


def test_what_a_killed_process_had_in_flight_counts_as_spent(
    slow_server: Loopback, tmp_path: Path
) -> None:
    process = asking(slow_server, tmp_path)
    wait_for(lambda: slow_server.counts()["requests"] > 20, process)
    process.kill()
    ended(process)
    n_open = states(tmp_path / STORE)["open"]
    before = spent(tmp_path / STORE)
    with VoteStore(tmp_path / STORE) as store, store.open_account("run") as n_lost:
        assert n_lost == n_open > 0
        after = store.spent("run")
    assert after.calls == before.calls + n_open
    assert after.cost_usd > before.cost_usd
