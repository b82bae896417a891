from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from llm.asking import PROMPT, STORE, account, backend, questions, spent, states, values, votes
from llm.batching import batching
from llm.loopback import Loopback

from karl.config.settings import Budget
from karl.errors import BudgetExhausted, ConfigError, KarlError
from karl.llm import batch, batch_collect
from karl.llm.account import Account, Progress
from karl.llm.backend import Backend
from karl.llm.desk import Answers, ask
from karl.llm.estimate import estimate
from karl.llm.provider import Provider
from karl.llm.question import Question

ASKED = questions(12)


def ask_all(
    server: Loopback, folder: Path, asked: list[Question] = ASKED, **options: Any
) -> Answers:
    return ask(batching(server.url, **options), PROMPT, asked, account(folder))


@pytest.mark.parametrize("per_request", [1, 5])
@pytest.mark.parametrize("choices", [False, True])
def test_a_batch_brings_what_single_requests_bring_for_half_the_price(
    per_request: int, choices: bool, loopback: Loopback, tmp_path: Path
) -> None:
    def ask_by(model: Backend, name: str) -> Answers:
        how_often = {"votes": 3, "per_request": per_request}
        (tmp_path / name).mkdir()
        return ask(model, PROMPT, ASKED, account(tmp_path / name), **how_often)

    in_batch = ask_by(batching(loopback.url, choices=choices), "batch")
    assert loopback.log() == []
    (sent,) = loopback.batches()
    alone = ask_by(backend(loopback.url, choices=choices), "alone")
    assert values(in_batch) == values(alone)
    assert in_batch.used.tokens == alone.used.tokens
    assert in_batch.used.calls == alone.used.calls == sent["request_counts"]["total"]
    assert in_batch.used.cost_usd == pytest.approx(alone.used.cost_usd / 2)
    assert states(tmp_path / "batch" / STORE) == {"answered": alone.used.calls}
    bodies = {entry["text"]: entry["body"] for entry in loopback.log()}
    for line in loopback.lines(sent):
        text = line["body"]["messages"][-1]["content"]
        assert line["body"] == bodies[text]


def test_an_answer_is_an_answer_however_it_was_asked_for(
    loopback: Loopback, tmp_path: Path
) -> None:
    alone = ask(backend(loopback.url), PROMPT, ASKED, account(tmp_path))
    assert values(ask_all(loopback, tmp_path, questions(14))) == [
        *values(alone),
        *values(ask_all(loopback, tmp_path, questions(2, start=12))),
    ]
    assert [sent["request_counts"]["total"] for sent in loopback.batches()] == [2]


def test_a_few_requests_that_failed_are_sent_by_themselves(
    loopback: Loopback, tmp_path: Path
) -> None:
    loopback.faults(
        *[{"fault": fault, "match": f"<{n}>"} for n, fault in enumerate(["500", "429"])]
    )
    ask_all(loopback, tmp_path)
    assert len(votes(tmp_path / STORE)) == 12
    assert states(tmp_path / STORE) == {"answered": 12, "failed": 2}
    assert len(loopback.batches()) == 1
    assert {entry["text"] for entry in loopback.log()} == {q.content for q in ASKED[:2]}


def test_many_requests_that_failed_are_sent_in_another_batch(
    loopback: Loopback, tmp_path: Path
) -> None:
    loopback.faults({"fault": "503", "times": 60})
    ask_all(loopback, tmp_path, questions(70))
    assert [sent["request_counts"]["total"] for sent in loopback.batches()] == [60, 70]
    assert loopback.log() == []
    assert states(tmp_path / STORE) == {"answered": 70, "failed": 60}


def test_invalid_answers_are_repaired(loopback: Loopback, tmp_path: Path) -> None:
    odd = ["prose", "no_usage", "half_character", "fenced"]
    loopback.faults(*[{"fault": fault, "match": f"<{n}>"} for n, fault in enumerate(odd, start=3)])
    answers = ask_all(loopback, tmp_path)
    assert values(answers) == values(ask(backend(loopback.url), PROMPT, ASKED, account(tmp_path)))
    assert all(value in range(1, 10) for (value,) in values(answers))
    assert [entry["text"] for entry in loopback.log()] == [ASKED[3].content]


def test_a_prompt_refused_for_its_content_is_not_asked_again(
    loopback: Loopback, tmp_path: Path
) -> None:
    words = "Invalid prompt: it was flagged as potentially violating our usage policy."
    loopback.faults({"fault": "400", "code": "invalid_prompt", "message": words, "match": "<3>"})
    found = values(ask_all(loopback, tmp_path))
    assert [place for place, (value,) in enumerate(found) if value is None] == [3]
    assert loopback.log() == []
    assert states(tmp_path / STORE) == {"answered": 12}


def test_a_refusal_comes_after_the_answers(loopback: Loopback, tmp_path: Path) -> None:
    loopback.faults({"fault": "401", "match": "<3>"})
    with pytest.raises(KarlError, match="refused the request"):
        ask_all(loopback, tmp_path)
    assert len(votes(tmp_path / STORE)) == 11
    assert states(tmp_path / STORE) == {"answered": 11, "failed": 1}


def test_a_batch_without_any_answer_is_an_error(loopback: Loopback, tmp_path: Path) -> None:
    loopback.faults({"fault": "500", "times": 12})
    with pytest.raises(KarlError, match="none of the 12 requests of a batch was answered"):
        ask_all(loopback, tmp_path)
    assert len(loopback.batches()) == 1
    assert spent(tmp_path / STORE).calls == 0
    ask_all(loopback, tmp_path)
    assert len(votes(tmp_path / STORE)) == 12


def test_what_fails_in_batch_after_batch_is_given_up(loopback: Loopback, tmp_path: Path) -> None:
    loopback.faults(*[{"fault": "500", "times": -1, "match": f"<{n}>"} for n in range(60)])
    with pytest.raises(KarlError, match="60 labels could not be had in 2 attempts each"):
        ask_all(loopback, tmp_path, questions(61) + questions(1, start=99), retries=1)
    assert len(loopback.batches()) == 2


def test_a_batch_that_takes_too_long_brings_what_it_has(loopback: Loopback, tmp_path: Path) -> None:
    loopback.plan_batch(status="expired", answered=5)
    ask_all(loopback, tmp_path)
    assert len(votes(tmp_path / STORE)) == 12
    assert states(tmp_path / STORE) == {"answered": 12, "failed": 7}
    assert len(loopback.batches()) == 1
    assert len(loopback.log()) == 7


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_batch_that_is_stopped_by_the_provider_is_an_error(
    status: str, loopback: Loopback, tmp_path: Path
) -> None:
    loopback.plan_batch(status=status, answered=5, message="Too many tokens are enqueued.")
    with pytest.raises(KarlError, match=f"batch_1 {status}: Too many tokens are enqueued"):
        ask_all(loopback, tmp_path)
    assert len(votes(tmp_path / STORE)) == 5
    ask_all(loopback, tmp_path)
    assert states(tmp_path / STORE) == {"answered": 12, "failed": 7}


def test_more_than_the_provider_takes_are_several_batches(
    loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_MOST_LINES", 5)
    ask_all(loopback, tmp_path)
    assert [sent["request_counts"]["total"] for sent in loopback.batches()] == [2, 5, 5]
    monkeypatch.setattr(batch, "_MOST_BYTES", 1500)
    ask_all(loopback, tmp_path, questions(3, start=50))
    assert [sent["request_counts"]["total"] for sent in loopback.batches()[:2]] == [1, 2]
    assert all(len(loopback.content(sent)) < 1500 for sent in loopback.batches()[:2])


def test_a_batch_keeps_to_a_budget_of_calls(loopback: Loopback, tmp_path: Path) -> None:
    with pytest.raises(BudgetExhausted, match=r"5 calls \(budget.calls\)"):
        ask(batching(loopback.url), PROMPT, ASKED, account(tmp_path, calls=5))
    assert [sent["request_counts"]["total"] for sent in loopback.batches()] == [5]
    assert len(votes(tmp_path / STORE)) == 5
    assert loopback.log() == []
    ask_all(loopback, tmp_path)
    assert spent(tmp_path / STORE).calls == 12


def test_a_batch_keeps_to_a_budget_of_dollars(loopback: Loopback, tmp_path: Path) -> None:
    asked = questions(300)
    whole = estimate(batching(loopback.url), PROMPT, asked, account(tmp_path))
    limit = whole.most_usd / 3
    with pytest.raises(BudgetExhausted, match=r"budget\.usd"):
        ask(batching(loopback.url), PROMPT, asked, account(tmp_path, usd=limit))
    first = loopback.batches()[-1]
    # A third at most by the bound; then what the answers left of it.
    assert first["request_counts"]["total"] == 100
    assert len(votes(tmp_path / STORE)) > 100
    assert spent(tmp_path / STORE).cost_usd <= limit


def test_nothing_is_sent_when_the_budget_allows_nothing(loopback: Loopback, tmp_path: Path) -> None:
    with pytest.raises(BudgetExhausted):
        ask(batching(loopback.url), PROMPT, ASKED, account(tmp_path, usd=0))
    assert loopback.batches() == []
    assert states(tmp_path / STORE) == {}


def test_a_batch_created_by_a_request_that_failed_is_not_created_again(
    loopback: Loopback, tmp_path: Path, short_pauses: None
) -> None:
    loopback.plan_batch(unheard=True)
    ask_all(loopback, tmp_path)
    assert len(loopback.batches()) == 1
    assert states(tmp_path / STORE) == {"answered": 12}


def test_a_server_without_batches_is_a_readable_error(loopback: Loopback, tmp_path: Path) -> None:
    model = batching(f"{loopback.root}/elsewhere")
    with pytest.raises(KarlError, match="hosted_vllm/small refused the request \\(404\\)"):
        ask(model, PROMPT, ASKED, account(tmp_path))
    assert not states(tmp_path / STORE)
    assert spent(tmp_path / STORE).calls == 0
    ask_all(loopback, tmp_path)


@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash"])
def test_a_provider_without_batches_is_refused(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no batches can be sent to") as error:
        Provider(Backend(model=model, batch=True)).check()
    assert "llm.batch=false" in str(error.value)


def test_a_batch_that_the_provider_has_forgotten_is_not_asked_again_at_once(
    loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.plan_batch(forgotten=True)
    with pytest.raises(KarlError, match="does not know the batch batch_1, which it created"):
        ask_all(loopback, tmp_path)
    assert states(tmp_path / STORE) == {"open": 12}
    monkeypatch.setattr(batch_collect, "_FORGOTTEN_S", 0)
    ask_all(loopback, tmp_path)
    assert states(tmp_path / STORE) == {"answered": 12, "lost": 12}
    assert spent(tmp_path / STORE).calls == 24


def test_prices_are_those_of_batches() -> None:
    listed = Provider(Backend(model="openai/gpt-4o-mini"))
    assert listed.batch_prices.token_in == pytest.approx(listed.prices.token_in / 2)
    assert listed.batch_prices.token_out == pytest.approx(listed.prices.token_out / 2)
    without = Provider(Backend(model="azure/gpt-4o-mini"))
    assert without.batch_prices.token_in == without.prices.token_in / 2 > 0
    stated = Provider(Backend(model="x/y", price_in_usd_per_mtok=3, price_out_usd_per_mtok=0))
    assert stated.batch_prices.cost(1_000_000, 5) == 1.5


def test_an_estimate_is_of_batches(loopback: Loopback, tmp_path: Path) -> None:
    in_batch = estimate(batching(loopback.url), PROMPT, ASKED, account(tmp_path))
    alone = estimate(backend(loopback.url), PROMPT, ASKED, account(tmp_path))
    assert in_batch.cost_usd == pytest.approx(alone.cost_usd / 2)
    assert in_batch.most_usd == pytest.approx(alone.most_usd / 2)
    assert in_batch.seconds == 24 * 60 * 60
    used = ask_all(loopback, tmp_path).used
    assert used.cost_usd <= in_batch.most_usd


def test_progress_tells_how_far_a_batch_is(loopback: Loopback, tmp_path: Path) -> None:
    told: list[Progress] = []
    ask(
        batching(loopback.url),
        PROMPT,
        ASKED,
        Account("run", tmp_path / STORE, Budget(), told.append),
    )
    assert "batch of 12 requests: in_progress, 0 done" in {each.note for each in told}
    assert (told[-1].done, told[-1].calls, told[-1].note) == (12, 12, "")


def test_secrets_are_kept_out_of_the_store(
    loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTED_VLLM_API_KEY", "sk-very-secret-key")
    words = "no key sk-very-secret-key"
    loopback.faults({"fault": "401", "match": "<3>", "message": words})
    with pytest.raises(KarlError) as error:
        ask_all(loopback, tmp_path)
    assert "secret" not in str(error.value)
    assert b"very-secret" not in (tmp_path / STORE).read_bytes()
