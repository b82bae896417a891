from __future__ import annotations

import signal
import time
from pathlib import Path

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
    values,
    votes,
)
from llm.loopback import Loopback

from karl.llm.client import ask
from karl.llm.prompt import Question

EVERYTHING = questions(90)
# Each process asks some that the other does not; they meet in the middle.
OURS, THEIRS = EVERYTHING[:70], EVERYTHING[20:]
VOTES = 2


def wait_until_seen(server: Loopback, n_requests: int) -> None:
    while server.counts()["requests"] < n_requests:
        time.sleep(0.005)


def test_two_processes_pay_once_for_what_both_ask(slow_server: Loopback, tmp_path: Path) -> None:
    names = {"ours": OURS, "theirs": list(reversed(THEIRS))}
    both = [
        start(ask_here, slow_server.url, tmp_path, name, asked, VOTES)
        for name, asked in names.items()
    ]
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert texts(slow_server.log()) == dict.fromkeys([q.content for q in EVERYTHING], VOTES)
    assert len(votes(tmp_path / STORE)) == len(EVERYTHING) * VOTES
    paid = [spent(tmp_path / STORE, name).calls for name in names]
    assert sum(paid) == len(EVERYTHING) * VOTES
    assert min(paid) >= (len(EVERYTHING) - len(OURS)) * VOTES


def test_the_same_questions_in_the_same_order_are_shared(
    slow_server: Loopback, tmp_path: Path
) -> None:
    both = [
        start(ask_here, slow_server.url, tmp_path, name, EVERYTHING, VOTES)
        for name in ("ours", "theirs")
    ]
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert len(slow_server.log()) == len(EVERYTHING) * VOTES
    assert states(tmp_path / STORE) == {"answered": len(EVERYTHING) * VOTES}


def test_a_process_that_wants_more_votes_asks_only_for_those(
    slow_server: Loopback, tmp_path: Path
) -> None:
    both = [
        start(ask_here, slow_server.url, tmp_path, name, EVERYTHING, n_votes, choices=True)
        for name, n_votes in {"three": 3, "five": 5}.items()
    ]
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert len(votes(tmp_path / STORE)) == len(EVERYTHING) * 5
    assert sum(entry["n"] for entry in slow_server.log()) == len(EVERYTHING) * 5


def test_what_a_killed_process_was_asking_is_taken_over(
    slow_server: Loopback, tmp_path: Path
) -> None:
    # The killed one never gets an answer to these, and the other one waits for it.
    held = EVERYTHING[:8]
    slow_server.faults(*[{"fault": "stall", "match": q.content, "times": 1} for q in held])
    theirs = start(ask_here, slow_server.url, tmp_path, "theirs", held, 1, 8)
    wait_until_seen(slow_server, len(held))
    ours = start(ask_here, slow_server.url, tmp_path, "ours", EVERYTHING, 1, 8)
    # It gets all others meanwhile, and waits.
    ours.join(3)
    assert ours.is_alive()
    asked = texts(slow_server.log())
    assert [asked[question.content] for question in held] == [1] * len(held)
    theirs.kill()
    theirs.join(60)
    assert theirs.exitcode == -signal.SIGKILL
    ours.join(60)
    assert ours.exitcode == 0
    asked = texts(slow_server.log())
    assert [asked[q.content] for q in EVERYTHING] == [2] * len(held) + [1] * (90 - len(held))
    assert states(tmp_path / STORE) == {"answered": 90, "lost": len(held)}
    assert spent(tmp_path / STORE, "theirs").calls == len(held)
    assert spent(tmp_path / STORE, "ours").calls == 90


def test_a_killed_process_and_one_that_lives_pay_once_for_the_rest(
    slow_server: Loopback, tmp_path: Path
) -> None:
    theirs = start(ask_here, slow_server.url, tmp_path, "theirs", THEIRS, VOTES)
    ours = start(ask_here, slow_server.url, tmp_path, "ours", OURS, VOTES)
    wait_until_seen(slow_server, 60)
    theirs.kill()
    ours.join(60)
    assert ours.exitcode == 0
    again = start(ask_here, slow_server.url, tmp_path, "theirs", THEIRS, VOTES)
    again.join(60)
    assert again.exitcode == 0
    found = states(tmp_path / STORE)
    n_votes = len(EVERYTHING) * VOTES
    assert len(votes(tmp_path / STORE)) == found["answered"] == n_votes
    assert found.keys() <= {"answered", "lost"}
    asked = texts(slow_server.log())
    assert min(asked.values()) == VOTES
    assert sum(asked.values()) <= n_votes + found["lost"]


def test_answers_of_another_run_cost_nothing(slow_server: Loopback, tmp_path: Path) -> None:
    model = backend(slow_server.url)
    first = ask(model, PROMPT, EVERYTHING[:10], account(tmp_path, "first"))
    second = ask(model, PROMPT, EVERYTHING[:10], account(tmp_path, "second", calls=0))
    assert values(second) == values(first)
    assert second.used == first.used
    assert len(slow_server.log()) == 10
    assert spent(tmp_path / STORE, "second").calls == 0


def test_questions_of_the_same_content_are_asked_once(
    slow_server: Loopback, tmp_path: Path
) -> None:
    same = [Question(("a", "b"), "rice and rice"), Question(("c", "d"), "rice and rice")]
    answers = values(ask(backend(slow_server.url), PROMPT, same, account(tmp_path)))
    assert answers[0] == answers[1]
    assert len(slow_server.log()) == 1


def test_two_orders_of_two_items_are_two_questions(slow_server: Loopback, tmp_path: Path) -> None:
    pair = [Question(("a", "b"), "first rice, then tea"), Question(("b", "a"), "tea, then rice")]
    ask(backend(slow_server.url), PROMPT, pair * 2, account(tmp_path))
    assert len(slow_server.log()) == 2
    items = rows(tmp_path / STORE, "SELECT item_1, item_2 FROM votes ORDER BY item_1")
    assert items == [("a", "b"), ("b", "a")]
