from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from llm.asking import (
    PRICE_IN,
    PRICE_OUT,
    PROMPT,
    STORE,
    account,
    backend,
    questions,
    rows,
    spent,
    states,
    texts,
    values,
    votes,
)
from llm.loopback import Loopback

from karl.errors import KarlError
from karl.llm import sender
from karl.llm.client import ask

ASKED = questions(12)
VOTES = 3

# How the calls that are hit end in the store, and what is said of them.
FAILED = {
    "429": "status 429",
    "500": "status 500",
    "503": "status 503",
    "408": "status 408",
    "409": "status 409",
}
PAUSES_S = sender._PAUSES_S

BROKEN = "time-out or broken connection"
LOST = ("reset", "reset_after", "close", "stall", "truncated_body")
INVALID = ("truncated_json", "wrong_label", "prose", "empty", "null", "refusal")
HARMLESS = ("fenced", "duplicate", "no_usage", "half_character")
FAULTS = (*FAILED, *LOST, *INVALID, *HARMLESS, "fewer_choices")

pytestmark = pytest.mark.usefixtures("short_pauses")


def options(fault: str) -> dict[str, Any]:
    return {"timeout_s": 0.25} if fault == "stall" else {}


@pytest.fixture(scope="module", params=[False, True], ids=["single", "choices"])
def choices(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def clean(
    choices: bool, loopback_process: Loopback, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, int], Any]:
    """The votes of a run without any fault."""
    loopback_process.reset()
    folder = tmp_path_factory.mktemp("clean")
    ask(backend(loopback_process.url, choices=choices), PROMPT, ASKED, account(folder), votes=VOTES)
    return votes(folder / STORE)


def check_votes(store: Path, clean: dict[tuple[str, int], Any]) -> None:
    """Every vote is there once, and is what the server answers to such a request."""
    found = votes(store)
    assert found.keys() == clean.keys()
    # The first choice answers any request that asks for one only.
    query = "SELECT question, vote FROM answers WHERE call IN ("
    query += "SELECT call FROM claims GROUP BY call HAVING count(*) = 1)"
    alone = set(rows(store, query))
    for (question, vote), value in found.items():
        assert value == clean[question, 0 if (question, vote) in alone else vote]


def check_calls(store: Path, log: list[dict[str, Any]], fault: str) -> None:
    """The rows of the store tell what the server saw."""
    hit = sum(entry["fault"] is not None for entry in log)
    count = states(store)
    assert hit > 0
    assert count["open"] == 0
    assert count["failed"] == (hit if fault in FAILED else 0)
    assert count["lost"] == (hit if fault in LOST else 0)
    assert sum(count.values()) == len(log)
    total = spent(store)
    assert total.calls == count["answered"] + count["lost"]
    most = rows(
        store,
        "SELECT total(max_tokens_in), total(max_tokens_out), total(max_cost_usd) FROM calls "
        "JOIN outcomes ON call = calls.id WHERE state = 'lost'",
    )[0]
    query = "SELECT total(tokens_in), total(tokens_out) FROM outcomes WHERE state = 'answered'"
    answered = rows(store, query)[0]
    assert (total.tokens_in, total.tokens_out) == (most[0] + answered[0], most[1] + answered[1])
    cost = (answered[0] * PRICE_IN + answered[1] * PRICE_OUT) / 1e6
    assert total.cost_usd == pytest.approx(most[2] + cost)


def check_report(said: str, hit: int, fault: str) -> None:
    if fault in FAILED:
        assert f"{hit} × {FAILED[fault]}" in said
    elif fault in LOST:
        assert f"{hit} × {BROKEN}" in said
        assert f"{hit} calls got no answer but may have been billed" in said
    elif fault in INVALID:
        assert "× invalid answer" in said
    else:
        assert said == ""


def check(
    rules: list[dict[str, Any]],
    choices: bool,
    clean: dict[tuple[str, int], Any],
    loopback: Loopback,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fault = rules[0]["fault"]
    loopback.faults(*rules)
    model = backend(loopback.url, choices=choices, concurrency=8, **options(fault))
    answers = ask(model, PROMPT, ASKED, account(folder), votes=VOTES)
    log = loopback.log()
    check_votes(folder / STORE, clean)
    check_calls(folder / STORE, log, fault)
    check_report(caplog.text, sum(entry["fault"] is not None for entry in log), fault)
    assert all(value in range(1, 10) for of_question in values(answers) for value in of_question)
    ask(model, PROMPT, ASKED, account(folder), votes=VOTES)
    assert len(loopback.log()) == len(log)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_every_third_request_changes_no_vote(
    fault: str,
    choices: bool,
    clean: dict[tuple[str, int], Any],
    loopback: Loopback,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # A repair that fails would be the last word, so these end before the repairs begin.
    n_requests = len(ASKED) * (1 if choices else VOTES)
    times = n_requests // 3 if fault in INVALID else -1
    rule = {"fault": fault, "every": 3, "times": times}
    check([rule], choices, clean, loopback, tmp_path, caplog)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_every_request_once_changes_no_vote(
    fault: str,
    choices: bool,
    clean: dict[tuple[str, int], Any],
    loopback: Loopback,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    times = 1 if choices else VOTES
    rules = [{"fault": fault, "match": q.content, "times": times} for q in ASKED]
    check(rules, choices, clean, loopback, tmp_path, caplog)


def test_the_pause_that_a_provider_asks_for_is_kept(
    choices: bool,
    clean: dict[tuple[str, int], Any],
    loopback: Loopback,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rule = {"fault": "429", "retry_after": 1, "times": 1}
    check([rule], choices, clean, loopback, tmp_path, caplog)
    first, *_, last = loopback.log()
    assert last["time"] - first["time"] >= 1


def test_a_pause_longer_than_allowed_stops(loopback: Loopback, tmp_path: Path) -> None:
    loopback.faults({"fault": "429", "retry_after": 60, "times": -1, "match": ASKED[5].content})
    model = backend(loopback.url, concurrency=1, max_wait_s=30)
    with pytest.raises(KarlError, match=r"asks to wait 60 s, longer than llm.max_wait_s=30"):
        ask(model, PROMPT, ASKED, account(tmp_path))
    assert len(votes(tmp_path / STORE)) == 5


@pytest.mark.parametrize("fault", INVALID)
def test_what_is_always_wrong_is_repaired_once_and_then_invalid(
    fault: str, choices: bool, loopback: Loopback, tmp_path: Path
) -> None:
    wrong, right = ASKED[:2], ASKED[2:4]
    loopback.faults(*[{"fault": fault, "match": q.content, "times": -1} for q in wrong])
    model = backend(loopback.url, choices=choices)
    answers = ask(model, PROMPT, wrong + right, account(tmp_path), votes=VOTES)
    assert values(answers)[:2] == [[None] * VOTES] * 2
    assert all(value in range(1, 10) for votes_of in values(answers)[2:] for value in votes_of)
    asked = texts(loopback.log())
    first = 1 if choices else VOTES
    assert [asked[q.content] for q in wrong] == [first + VOTES] * 2
    assert [asked[q.content] for q in right] == [first] * 2
    query = "SELECT repaired, count(*) FROM answers WHERE value IS NULL GROUP BY repaired"
    assert rows(tmp_path / STORE, query) == [(0, 2 * VOTES), (1, 2 * VOTES)]
    ask(model, PROMPT, wrong + right, account(tmp_path), votes=VOTES)
    assert len(loopback.log()) == sum(asked.values())


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ("400", "llm.structured=false"),
        ("401", "Check the key"),
        ("403", "does not allow this model"),
        ("404", "Check llm.model and llm.api_base"),
        ("quota", "Add credit"),
    ],
)
def test_a_request_that_is_refused_is_not_sent_again(
    fault: str, advice: str, loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, concurrency=4)
    before = values(ask(model, PROMPT, ASKED[:3], account(tmp_path), votes=VOTES))
    loopback.reset()
    loopback.faults({"fault": fault, "times": -1})
    with pytest.raises(KarlError, match="hosted_vllm/small") as refused:
        ask(model, PROMPT, ASKED, account(tmp_path), votes=VOTES)
    assert advice in str(refused.value)
    assert "Traceback" not in str(refused.value)
    n_sent = len(loopback.log())
    assert 1 <= n_sent <= 4
    assert states(tmp_path / STORE) == {"answered": 9, "failed": n_sent}
    assert spent(tmp_path / STORE).calls == 9
    loopback.reset()
    answers = ask(model, PROMPT, ASKED, account(tmp_path), votes=VOTES)
    assert values(answers)[:3] == before
    assert len(loopback.log()) == (len(ASKED) - 3) * VOTES


@pytest.mark.parametrize("fault", ["500", "503", "close"])
def test_a_provider_that_is_down_is_not_asked_for_ever(
    fault: str, loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, concurrency=8, retries=3)
    ask(model, PROMPT, ASKED[:3], account(tmp_path), votes=VOTES)
    loopback.reset()
    loopback.faults({"fault": fault, "times": -1})
    with pytest.raises(KarlError, match="the provider is down: 5 requests in a row") as down:
        ask(model, PROMPT, ASKED, account(tmp_path), votes=VOTES)
    assert "Run the same command later" in str(down.value)
    # Four attempts each of those in flight, and what was begun before the fifth gave up.
    assert len(loopback.log()) <= 2 * 4 * 8
    assert len(votes(tmp_path / STORE)) == 9
    loopback.reset()
    ask(model, PROMPT, ASKED, account(tmp_path), votes=VOTES)
    assert len(votes(tmp_path / STORE)) == len(ASKED) * VOTES
    assert len(loopback.log()) == (len(ASKED) - 3) * VOTES


def test_an_outage_shorter_than_the_pauses_of_a_request_changes_no_vote(
    loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A hundredth of the real pauses and jitter, which add up to 46 seconds at least.
    monkeypatch.setattr(sender, "_PAUSES_S", tuple(pause / 100 for pause in PAUSES_S))
    loopback.faults({"fault": "503", "times": -1})
    ends = threading.Timer(0.4, loopback.faults)
    ends.start()
    ask(backend(loopback.url, concurrency=16), PROMPT, ASKED, account(tmp_path), votes=VOTES)
    ends.join()
    found = states(tmp_path / STORE)
    assert found["answered"] == len(votes(tmp_path / STORE)) == len(ASKED) * VOTES
    assert found.keys() == {"answered", "failed"}


def test_one_question_that_always_fails_does_not_keep_the_others(
    loopback: Loopback, tmp_path: Path
) -> None:
    loopback.faults({"fault": "500", "times": -1, "match": ASKED[0].content})
    model = backend(loopback.url, concurrency=4, retries=2)
    with pytest.raises(KarlError, match="1 labels could not be had in 3 attempts each") as failed:
        ask(model, PROMPT, ASKED, account(tmp_path))
    assert "The server had an error" in str(failed.value)
    assert len(votes(tmp_path / STORE)) == len(ASKED) - 1
    assert texts(loopback.log())[ASKED[0].content] == 3
    loopback.faults()
    ask(model, PROMPT, ASKED, account(tmp_path))
    assert len(loopback.log()) == len(ASKED) + 3


def test_a_server_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    model = backend("http://127.0.0.1:9/v1", concurrency=2, retries=2)
    with pytest.raises(KarlError, match="the provider is down"):
        ask(model, PROMPT, ASKED, account(tmp_path))
    assert states(tmp_path / STORE).keys() == {"failed"}
    assert spent(tmp_path / STORE).calls == 0


def test_a_prompt_refused_for_its_content_is_one_invalid_vote(
    loopback: Loopback, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    message = "Your request was rejected by our content management policy."
    code = "content_policy_violation"
    loopback.faults(
        {"fault": "400", "times": -1, "match": ASKED[4].content, "code": code, "message": message}
    )
    model = backend(loopback.url, concurrency=4)
    answers = ask(model, PROMPT, ASKED, account(tmp_path))
    assert [i for i, votes_of in enumerate(values(answers)) if votes_of == [None]] == [4]
    assert "content management policy" in answers.answers[4][0].raw
    assert "1 × prompt refused for its content" in caplog.text
    assert texts(loopback.log()) == dict.fromkeys([q.content for q in ASKED], 1)
    ask(model, PROMPT, ASKED, account(tmp_path))
    assert len(loopback.log()) == len(ASKED)


def test_a_prompt_refused_for_one_of_its_questions_leaves_the_others_their_answers(
    loopback: Loopback, tmp_path: Path
) -> None:
    rule = {"fault": "400", "times": -1, "match": ASKED[4].content}
    loopback.faults(
        {**rule, "code": "content_policy_violation", "message": "content management policy"}
    )
    answers = ask(backend(loopback.url), PROMPT, ASKED, account(tmp_path), per_request=4)
    assert [i for i, votes_of in enumerate(values(answers)) if votes_of == [None]] == [4]


def test_a_full_disk_is_a_readable_error(loopback: Loopback, tmp_path: Path) -> None:
    ask(backend(loopback.url), PROMPT, ASKED[:3], account(tmp_path))
    with closing(sqlite3.connect(tmp_path / STORE)) as database:
        full = "CREATE TRIGGER full BEFORE INSERT ON answers WHEN (SELECT count(*) FROM answers)"
        database.execute(f"{full} > 6 BEGIN SELECT raise(ABORT, 'disk is full'); END")
        database.commit()
    with pytest.raises(KarlError, match="cannot be written: disk is full"):
        ask(backend(loopback.url, concurrency=2), PROMPT, ASKED, account(tmp_path))
    assert len(votes(tmp_path / STORE)) == 7
