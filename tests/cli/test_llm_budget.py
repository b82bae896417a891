from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli.llm_shop import (
    A_ROUND,
    PRICE_IN,
    PRICE_OUT,
    ROUNDS,
    RUNS,
    STORE,
    Labelled,
    asked,
    asking,
    metrics,
    spent,
)
from cli.small_shop import Answer, done, karl, results
from llm.asking import rows, states
from llm.loopback import Loopback

NAME = ("--name", "frugal")
RUN = RUNS / "frugal"

# A limit, what the message calls it, and which part of `spent` it limits.
LIMITS = {
    "calls": (15, "15 calls", 0),
    "tokens": (6000, "6,000 tokens", 1),
    "usd": (0.001, "USD 0.001", 2),
}


def check_message(answer: Answer, limit: str, shown: str) -> None:
    """One message says which limit it was, what is spent and what to do."""
    assert answer.code == 3
    assert answer.err.count("karl: ") == 1
    assert "Traceback" not in answer.err
    first, hint = answer.err.splitlines()[-2:]
    calls, tokens, usd = spent()
    assert first.startswith(f"karl: the budget of {shown} (budget.{limit}) is ")
    assert f"{calls:,} calls, {tokens:,} tokens and USD {usd:.4f} are spent" in first
    assert hint == "All answers are kept. Raise the limit and run the same command to go on."


def check_server(loopback: Loopback, shop: Path) -> None:
    """What counts as spent is what the server was asked, each question once."""
    log = loopback.log()
    calls, tokens, usd = spent()
    assert calls == len(log) == loopback.counts()["answered"]
    assert len(set(asked(log, shop))) == len(log)
    assert states(STORE).keys() == ({"answered"} if log else set())
    ((tokens_in, tokens_out),) = rows(
        STORE, "SELECT total(tokens_in), total(tokens_out) FROM outcomes"
    )
    assert tokens == tokens_in + tokens_out
    assert usd == pytest.approx((tokens_in * PRICE_IN + tokens_out * PRICE_OUT) / 1e6)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("concurrency", [1, 16])
def test_a_budget_stops_a_run_and_is_not_overspent(
    limit: str, concurrency: int, shop: Path, loopback: Loopback
) -> None:
    value, shown, part = LIMITS[limit]
    settings = asking(shop, loopback, f"llm.concurrency={concurrency}")
    answer = karl("run", *settings, f"budget.{limit}={value}", *NAME)
    check_message(answer, limit, shown)
    check_server(loopback, shop)
    assert 0 < spent()[part] <= value
    # What is done so far is shown: the seed and the first round.
    assert [row["round"] for row in metrics(RUN)] == [0, 0, 1, 1]
    assert "Macro-F1 by round" in answer.out
    assert re.search(rf"^ +1 .* {A_ROUND} +0\.\d{{3}} ", answer.out, re.MULTILINE)
    assert "at round 1." in answer.out


def test_the_calls_of_a_budget_are_all_used(shop: Path, loopback: Loopback) -> None:
    karl("run", *asking(shop, loopback, "budget.calls=15"), *NAME)
    assert loopback.counts()["requests"] == 15


@pytest.mark.parametrize(("limit", "steps"), [("calls", (5, 20)), ("usd", (0.0005, 0.0012))])
def test_a_raised_budget_finishes_as_a_run_without_one(
    limit: str, steps: tuple[float, ...], labelled: Labelled, shop: Path, loopback: Loopback
) -> None:
    settings = asking(shop, loopback)
    assert karl("run", *settings, f"budget.{limit}={steps[0]}", *NAME).code == 3
    for value in steps[1:]:
        assert karl("run", f"budget.{limit}={value}", *NAME).code == 3
    done(karl("run", f"budget.{limit}=null", *NAME))
    assert results(RUN) == results(labelled.folder)
    check_server(loopback, shop)
    assert loopback.counts()["requests"] == A_ROUND * ROUNDS


def test_a_budget_that_just_suffices_is_no_stop(
    labelled: Labelled, shop: Path, loopback: Loopback
) -> None:
    done(karl("run", *asking(shop, loopback, f"budget.calls={A_ROUND * ROUNDS}"), *NAME))
    assert results(RUN) == results(labelled.folder)


def test_the_same_budget_again_asks_nothing_and_says_the_same(
    shop: Path, loopback: Loopback
) -> None:
    settings = asking(shop, loopback, "budget.calls=15")
    first = karl("run", *settings, *NAME)
    for arguments in (settings, [], ["budget.calls=14"]):
        answer = karl("run", *arguments, *NAME)
        assert answer.code == 3
        assert "; 15 calls, " in answer.err
    assert loopback.counts()["requests"] == 15
    assert "15 calls" in first.err


def test_a_budget_of_nothing_still_gives_the_seed(shop: Path, loopback: Loopback) -> None:
    answer = karl("run", *asking(shop, loopback, "budget.usd=0"), *NAME)
    check_message(answer, "usd", "USD 0")
    assert "from human labels alone (round 0)" in answer.out
    assert loopback.counts()["requests"] == 0


@pytest.mark.parametrize("command", ["round", "label"])
def test_single_steps_keep_to_the_budget(command: str, shop: Path, loopback: Loopback) -> None:
    settings = asking(shop, loopback, "budget.calls=5")
    done(karl("seed", *settings, *NAME))
    done(karl("select", *NAME))
    check_message(karl(command, *NAME), "calls", "5 calls")
    assert loopback.counts()["requests"] == 5


def test_votes_that_another_run_paid_for_are_not_spent(
    whole: Path, shop: Path, loopback: Loopback
) -> None:
    done(karl("run", *asking(shop, loopback, "budget.usd=0"), *NAME))
    assert spent(account="frugal") == (0, 0, 0.0)
    assert metrics(RUN)[-1]["llm_calls"] == A_ROUND * ROUNDS


def test_measuring_the_annotator_counts_into_the_same_budget(
    labelled: Labelled, shop: Path, loopback: Loopback
) -> None:
    settings = asking(shop, loopback)
    done(karl("run", *settings, "budget.rounds=1", *NAME))
    answer = karl("label", "--gold", "20", "budget.calls=20", *NAME)
    check_message(answer, "calls", "20 calls")
    assert loopback.counts()["requests"] == 20
    assert not (RUN / "report/label_quality.json").exists()
    done(karl("label", "--gold", "20", "budget.calls=32", *NAME))
    assert loopback.counts()["requests"] == A_ROUND + 20
    # Nothing is left for further rounds.
    check_message(karl("run", f"budget.rounds={ROUNDS}", *NAME), "calls", "32 calls")
    done(karl("run", f"budget.calls={A_ROUND * ROUNDS + 20}", *NAME))
    check_server(loopback, shop)
    assert results(RUN) == results(labelled.folder)
