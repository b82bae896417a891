from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from llm.asking import PROMPT, STORE, account, backend, questions, rows, values, votes
from llm.loopback import Loopback, serve

from karl.llm.client import Answers, ask

ASKED = questions(10)


def are_valid(answers: Answers, n_votes: int) -> bool:
    return all(
        len(of_question) == n_votes and all(value in range(1, 10) for value in of_question)
        for of_question in values(answers)
    )


def choices_asked(loopback: Loopback) -> Counter[int]:
    """Return how many requests asked for how many choices."""
    return Counter(entry["n"] for entry in loopback.log())


def test_one_request_brings_all_votes_on_a_question(loopback: Loopback, tmp_path: Path) -> None:
    model = backend(loopback.url, choices=True)
    answers = ask(model, PROMPT, ASKED, account(tmp_path), votes=5)
    assert are_valid(answers, 5)
    assert choices_asked(loopback) == {5: 10}
    assert answers.used.calls == 10
    # Choices are opinions that differ now and then.
    assert any(len(set(of_question)) > 1 for of_question in values(answers))


@pytest.mark.parametrize("choices", [True, False])
def test_more_votes_ask_only_for_those_that_are_missing(
    choices: bool, loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, choices=choices)
    three = values(ask(model, PROMPT, ASKED, account(tmp_path), votes=3))
    loopback.reset()
    five = ask(model, PROMPT, ASKED, account(tmp_path), votes=5)
    assert are_valid(five, 5)
    assert [of_question[:3] for of_question in values(five)] == three
    assert choices_asked(loopback) == ({2: 10} if choices else {1: 20})
    loopback.reset()
    assert values(ask(model, PROMPT, ASKED, account(tmp_path), votes=2)) == [
        of_question[:2] for of_question in three
    ]
    assert loopback.log() == []


def test_one_vote_asks_for_no_choices(loopback: Loopback, tmp_path: Path) -> None:
    ask(backend(loopback.url, choices=True), PROMPT, ASKED[:2], account(tmp_path))
    assert all("n" not in entry["body"] for entry in loopback.log())


@pytest.mark.parametrize("choices", [True, False])
def test_one_request_asks_several_questions(
    choices: bool, loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, choices=choices)
    answers = ask(model, PROMPT, ASKED, account(tmp_path), votes=3, per_request=4)
    assert are_valid(answers, 3)
    assert choices_asked(loopback) == ({3: 3} if choices else {1: 9})
    sizes = Counter(len(entry["text"].splitlines()) for entry in loopback.log())
    assert sizes == ({4: 2, 2: 1} if choices else {4: 6, 2: 3})
    assert len(votes(tmp_path / STORE)) == 30


def test_a_question_gets_its_own_answer_of_several(loopback: Loopback, tmp_path: Path) -> None:
    model = backend(loopback.url, choices=True, concurrency=1)
    answers = ask(model, PROMPT, ASKED[:4], account(tmp_path), votes=2, per_request=4)
    for place, of_question in enumerate(answers.answers):
        for answer in of_question:
            assert json.loads(answer.raw)["labels"][place] == answer.value


def test_only_questions_that_lack_answers_are_asked_together(
    loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url)
    ask(model, PROMPT, ASKED[::2], account(tmp_path))
    loopback.reset()
    ask(model, PROMPT, ASKED, account(tmp_path), per_request=4)
    assert [entry["text"].splitlines() for entry in loopback.log()] == [
        [question.content for question in ASKED[1:9:2]],
        [ASKED[9].content],
    ]


@pytest.mark.parametrize("fault", ["truncated_json", "wrong_label", "null"])
def test_several_questions_without_a_valid_answer_are_repaired_one_by_one(
    fault: str, loopback: Loopback, tmp_path: Path
) -> None:
    loopback.faults({"fault": fault, "times": 1})
    model = backend(loopback.url, concurrency=1)
    answers = ask(model, PROMPT, ASKED, account(tmp_path), per_request=4)
    assert are_valid(answers, 1)
    sizes = [len(entry["text"].splitlines()) for entry in loopback.log()]
    assert sizes == [4, 4, 2, 1, 1, 1, 1]
    repaired = rows(tmp_path / STORE, "SELECT count(*) FROM answers WHERE repaired")
    assert repaired == [(4,)]


def test_fewer_choices_than_asked_for_are_followed_by_single_requests(
    loopback: Loopback, tmp_path: Path
) -> None:
    loopback.faults({"fault": "fewer_choices", "times": -1})
    answers = ask(backend(loopback.url, choices=True), PROMPT, ASKED, account(tmp_path), votes=3)
    assert are_valid(answers, 3)
    assert choices_asked(loopback) == {3: 10, 1: 20}


def test_a_server_that_gives_two_choices_at_most_is_used_as_it_is(tmp_path: Path) -> None:
    with serve(latency=0, max_choices=2) as server:
        model = backend(server.url, choices=True)
        assert are_valid(ask(model, PROMPT, ASKED, account(tmp_path), votes=3), 3)
        assert choices_asked(server) == {3: 10, 1: 10}


def test_a_server_that_gives_no_choices_is_not_asked_for_ever(tmp_path: Path) -> None:
    with serve(latency=0, max_choices=0) as server:
        model = backend(server.url, choices=True)
        answers = ask(model, PROMPT, ASKED, account(tmp_path, calls=500), votes=2)
        assert values(answers) == [[None, None]] * 10
        # The first asks for both votes; then comes the other one, and a repair of each.
        assert len(server.log()) == 40
