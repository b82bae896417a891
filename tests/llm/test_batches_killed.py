from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
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
    values,
    votes,
)
from llm.batching import ask_and_die_while_writing, ask_in_batches, batching
from llm.loopback import Loopback, serve

from karl.errors import BudgetExhausted
from karl.llm import batch_collect
from karl.llm.desk import Answers, ask
from karl.llm.store import VoteStore

ASKED = questions(12)


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    """A server whose batches take some looks more than a process that dies takes."""
    with serve(latency=0.01, batch_polls=3) as running:
        yield running


@pytest.fixture
def slow_server(server: Loopback) -> Loopback:
    server.reset()
    return server


def ask_again(server: Loopback, folder: Path) -> Answers:
    return ask(batching(server.url), PROMPT, ASKED, account(folder))


def has_begun(server: Loopback) -> bool:
    """Whether a process has looked at its batch."""
    return any(sent["status"] != "validating" for sent in server.batches())


def wait_for(condition: Callable[[], bool], process: BaseProcess) -> None:
    while not condition():
        assert process.is_alive()
        time.sleep(0.005)


def waiting_process(server: Loopback, folder: Path, name: str = "run") -> BaseProcess:
    """Start a process and wait until it waits for its batch."""
    process = start(ask_in_batches, server.url, folder, name, ASKED)
    wait_for(lambda: has_begun(server), process)
    return process


def killed(process: BaseProcess) -> None:
    process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def dies(process: BaseProcess) -> None:
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def check_that_one_batch_paid_for_all(server: Loopback, folder: Path) -> None:
    assert len(server.batches()) == 1
    assert server.log() == []
    assert len(votes(folder / STORE)) == len(ASKED)
    assert states(folder / STORE) == {"answered": len(ASKED)}
    assert spent(folder / STORE).calls == len(ASKED)


def test_a_batch_outlives_the_process_that_waits_for_it(
    slow_server: Loopback, tmp_path: Path
) -> None:
    killed(waiting_process(slow_server, tmp_path))
    assert states(tmp_path / STORE) == {"open": 12}
    ask_again(slow_server, tmp_path)
    check_that_one_batch_paid_for_all(slow_server, tmp_path)


def test_a_process_killed_before_it_knows_the_batch_finds_it(
    slow_server: Loopback, tmp_path: Path
) -> None:
    dies(start(ask_in_batches, slow_server.url, tmp_path, "run", ASKED, "VoteStore.note_created"))
    assert len(slow_server.batches()) == 1
    ask_again(slow_server, tmp_path)
    check_that_one_batch_paid_for_all(slow_server, tmp_path)


@pytest.mark.parametrize(
    "dies_at", ["VoteStore.put_in_batch", "BatchClient.upload", "VoteStore.note_sending"]
)
def test_a_process_killed_before_it_sends_the_batch_has_sent_nothing(
    dies_at: str, slow_server: Loopback, tmp_path: Path
) -> None:
    dies(start(ask_in_batches, slow_server.url, tmp_path, "run", ASKED, dies_at))
    assert slow_server.batches() == []
    ask_again(slow_server, tmp_path)
    assert len(slow_server.batches()) == 1
    assert len(votes(tmp_path / STORE)) == 12
    assert states(tmp_path / STORE).keys() <= {"answered", "failed"}
    assert spent(tmp_path / STORE).calls == 12


def test_a_batch_that_the_provider_never_heard_of_is_sent_again(
    slow_server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies(start(ask_in_batches, slow_server.url, tmp_path, "run", ASKED, "BatchClient.create"))
    assert slow_server.batches() == []
    # As if a minute had passed: until then the request may still be under way.
    monkeypatch.setattr(batch_collect, "LATE_S", 0)
    ask_again(slow_server, tmp_path)
    assert len(slow_server.batches()) == 1
    assert states(tmp_path / STORE) == {"answered": 12, "failed": 12}
    assert spent(tmp_path / STORE).calls == 12


def test_a_process_killed_while_it_writes_answers_loses_none(
    slow_server: Loopback, tmp_path: Path
) -> None:
    dies(start(ask_and_die_while_writing, slow_server.url, tmp_path, "run", ASKED, 8))
    before = votes(tmp_path / STORE)
    assert len(before) == 5  # one group is whole, the other is not there at all
    ask_again(slow_server, tmp_path)
    assert before.items() <= votes(tmp_path / STORE).items()
    check_that_one_batch_paid_for_all(slow_server, tmp_path)


def test_a_process_killed_after_it_wrote_all_answers_loses_none(
    slow_server: Loopback, tmp_path: Path
) -> None:
    name, method = "run", "VoteStore.end_batch"
    dies(start(ask_in_batches, slow_server.url, tmp_path, name, ASKED, method, 0.01))
    check_that_one_batch_paid_for_all(slow_server, tmp_path)
    ask_again(slow_server, tmp_path)
    check_that_one_batch_paid_for_all(slow_server, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_does_not_wait_for_the_batch(
    number: int, slow_server: Loopback, tmp_path: Path
) -> None:
    process = waiting_process(slow_server, tmp_path)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join(60)
    assert process.exitcode == 130
    log = (tmp_path / "run.log").read_text()
    assert "12 requests are in batches, which go on at the provider: the same command" in log
    assert states(tmp_path / STORE) == {"open": 12}
    ask_again(slow_server, tmp_path)
    check_that_one_batch_paid_for_all(slow_server, tmp_path)


def test_single_requests_leave_to_a_batch_what_it_may_bring(
    slow_server: Loopback, tmp_path: Path
) -> None:
    killed(waiting_process(slow_server, tmp_path))
    model = backend(slow_server.url, batch_poll_s=0.01)
    ask(model, PROMPT, questions(15), account(tmp_path))
    assert len(slow_server.batches()) == 1
    assert len(slow_server.log()) == 3
    assert states(tmp_path / STORE) == {"answered": 15}


def test_what_a_batch_may_cost_is_not_spent_otherwise(
    slow_server: Loopback, tmp_path: Path
) -> None:
    killed(waiting_process(slow_server, tmp_path))
    others = questions(5, start=50)
    with pytest.raises(BudgetExhausted):
        ask(backend(slow_server.url), PROMPT, others, account(tmp_path, calls=12))
    assert slow_server.log() == []
    ask(backend(slow_server.url), PROMPT, others, account(tmp_path, calls=17))
    assert states(tmp_path / STORE) == {"open": 12, "answered": 5}


def test_a_run_waits_for_the_batch_of_another_that_lives(
    slow_server: Loopback, tmp_path: Path
) -> None:
    theirs = start(ask_in_batches, slow_server.url, tmp_path, "theirs", ASKED, "", 0.5)
    wait_for(lambda: has_begun(slow_server), theirs)
    ours = ask(batching(slow_server.url), PROMPT, ASKED[:8], account(tmp_path, "ours", calls=0))
    theirs.join(60)
    assert theirs.exitcode == 0
    assert all(value in range(1, 10) for (value,) in values(ours))
    assert len(slow_server.batches()) == 1
    assert spent(tmp_path / STORE, "theirs").calls == 12
    assert spent(tmp_path / STORE, "ours").calls == 0


def test_a_run_collects_the_batch_of_another_that_is_dead(
    slow_server: Loopback, tmp_path: Path
) -> None:
    killed(waiting_process(slow_server, tmp_path, "theirs"))
    asked = [*ASKED[:8], *questions(2, start=50)]
    ask(batching(slow_server.url), PROMPT, asked, account(tmp_path, "ours"))
    assert [sent["request_counts"]["total"] for sent in slow_server.batches()] == [2, 12]
    assert len(votes(tmp_path / STORE)) == 14
    assert spent(tmp_path / STORE, "theirs").calls == 12
    assert spent(tmp_path / STORE, "ours").calls == 2
    # What only they asked for is written as they would have written it.
    items = rows(tmp_path / STORE, "SELECT item_1, item_2 FROM votes")
    assert {question.items for question in [*ASKED, *asked]} == set(items)
    found = ask(backend(slow_server.url), PROMPT, ASKED, account(tmp_path, "theirs", calls=0))
    assert found.used.calls == 12


def test_single_requests_of_another_run_wait_for_a_batch_too(
    slow_server: Loopback, tmp_path: Path
) -> None:
    theirs = waiting_process(slow_server, tmp_path, "theirs")
    ours = start(ask_here, slow_server.url, tmp_path, "ours", questions(15))
    while len(slow_server.log()) < 3:
        time.sleep(0.005)
    killed(theirs)
    # Ours looks once a minute: it is told to go on by dying, and starting again.
    killed(ours)
    model = backend(slow_server.url, batch_poll_s=0.01)
    ask(model, PROMPT, questions(15), account(tmp_path, "ours"))
    assert len(slow_server.log()) <= 3 + states(tmp_path / STORE)["lost"]
    assert len(slow_server.batches()) == 1
    assert len(votes(tmp_path / STORE)) == 15


def test_a_batch_of_a_killed_process_keeps_its_order_of_choices(
    slow_server: Loopback, tmp_path: Path
) -> None:
    def answers(folder: Path) -> Answers:
        model = batching(slow_server.url, choices=True)
        return ask(model, PROMPT, ASKED, account(folder), votes=3, per_request=5)

    (tmp_path / "whole").mkdir()
    whole = answers(tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VoteStore, "note_created", _fail)
        with pytest.raises(ZeroDivisionError):
            answers(tmp_path)
    assert values(answers(tmp_path)) == values(whole)
    assert len(slow_server.batches()) == 2


def _fail(*_: object) -> None:
    raise ZeroDivisionError
