from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli.llm_shop import (
    A_ROUND,
    PRICE_IN,
    PRICE_OUT,
    ROUNDS,
    RUNS,
    STORE,
    VOTES,
    Labelled,
    asked,
    asking,
    model,
    plain,
    selected,
    spent,
)
from cli.small_shop import done, karl, snapshot
from llm.asking import rows
from llm.loopback import Loopback

NAME = ("--name", "planned")
ALL = A_ROUND * ROUNDS

_NUMBER = r"([\d,.]+(?:\s?k)?)"


@dataclass(frozen=True)
class Line:
    """A line of the printed table."""

    answers: int
    stored: int
    calls: int
    tokens_in: int
    tokens_out: int
    usd: float
    most_usd: float


def estimate(*arguments: str) -> dict[str, Line]:
    """Return what the command prints, by the name of the line."""
    out = done(karl("estimate", *arguments)).out
    found = re.findall(
        rf"^(\S.*?) {{2,}}{r' +'.join([_NUMBER] * 7)} +(?:<\s)?\d+\ss *$", out, re.MULTILINE
    )
    assert found, out
    return {what: Line(*map(_number, numbers)) for what, *numbers in found}


def _number(text: str) -> float:
    shown = text.replace(",", "")
    return 1000 * float(shown[:-1]) if shown.endswith("k") else float(shown)


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_an_estimate_of_a_new_run_spends_nothing_and_comes_true(
    shop: Path, workplace: Path, loopback: Loopback
) -> None:
    settings = asking(shop, loopback)
    before = snapshot(workplace)
    found = estimate(*settings, *NAME)
    assert snapshot(workplace) == before
    assert loopback.counts()["requests"] == 0
    assert found.keys() == {"rounds 1–3", "total"}
    total = found["total"]
    assert (total.answers, total.stored, total.calls) == (VOTES * ALL, 0, ALL)
    done(karl("run", *settings, *NAME))
    calls, tokens, usd = spent()
    assert calls == loopback.counts()["requests"] == total.calls
    # Nothing was measured: tokens are counted by another tokenizer, answers assumed.
    assert tokens / 2 < total.tokens_in + total.tokens_out < 2 * tokens
    assert usd / 2 < total.usd < 2 * usd
    assert usd < total.most_usd


def test_a_run_that_exists_is_estimated_by_its_name(
    whole: Path, shop: Path, workplace: Path, loopback: Loopback
) -> None:
    before = {name: content for name, content in snapshot(workplace).items() if "/." not in name}
    found = estimate("budget.rounds=5", "--name", "whole")
    after = {name: content for name, content in snapshot(workplace).items() if "/." not in name}
    assert after == before
    assert found.keys() == {"rounds 4–5", "total"}
    paid = spent()
    done(karl("run", "budget.rounds=5", "--name", "whole"))
    calls, tokens, usd = (now - then for now, then in zip(spent(), paid, strict=True))
    total = found["total"]
    assert loopback.counts()["requests"] == calls == total.calls == 2 * A_ROUND
    # Measured on the first three rounds.
    assert total.tokens_in + total.tokens_out == pytest.approx(tokens, rel=0.02)
    assert total.usd == pytest.approx(usd, abs=1e-4)


def test_a_selection_that_exists_is_estimated_from_its_pairs(
    labelled: Labelled, whole: Path, shop: Path, loopback: Loopback
) -> None:
    """The pairs are others than those of the run before, but for some."""
    settings = asking(shop, loopback, "sampler=entropy", "seed=1")
    done(karl("seed", *settings, *NAME))
    done(karl("select", *NAME))
    pairs = selected(RUNS / "planned")
    n_stored = len(pairs & selected(whole))
    line = estimate(*NAME)["round 1"]
    assert (line.answers, line.stored) == (VOTES * len(pairs), VOTES * n_stored)
    assert line.calls == len(pairs) - n_stored
    done(karl("label", *NAME))
    assert loopback.counts()["requests"] == line.calls


@pytest.mark.parametrize("choices", ["true", "false"])
def test_what_a_stopped_round_still_lacks_is_estimated(
    choices: str, shop: Path, loopback: Loopback
) -> None:
    settings = asking(shop, loopback, f"llm.choices={choices}", "budget.rounds=1")
    assert karl("run", *settings, "budget.calls=5", *NAME).code == 3
    n_stored = 5 * VOTES if choices == "true" else 5
    n_calls = A_ROUND - 5 if choices == "true" else A_ROUND * VOTES - 5
    line = estimate(*NAME)["round 1"]
    assert (line.answers, line.stored, line.calls) == (VOTES * A_ROUND, n_stored, n_calls)
    loopback.reset()
    done(karl("run", "budget.calls=null", *NAME))
    assert loopback.counts()["requests"] == n_calls


def test_the_cost_of_a_round_follows_from_what_was_measured(shop: Path, loopback: Loopback) -> None:
    settings = asking(shop, loopback, "budget.rounds=1")
    assert karl("run", *settings, "budget.calls=5", *NAME).code == 3
    ((tokens_in, tokens_out),) = rows(STORE, "SELECT avg(tokens_in), avg(tokens_out) FROM outcomes")
    line = estimate(*NAME)["round 1"]
    assert line.tokens_in == round(7 * tokens_in)
    assert line.tokens_out == round(7 * tokens_out)
    usd = (line.tokens_in * PRICE_IN + line.tokens_out * PRICE_OUT) / 1e6
    assert line.usd == pytest.approx(usd, abs=5e-5)


def test_gold_pairs_are_counted_in(shop: Path, loopback: Loopback) -> None:
    settings = asking(shop, loopback)
    found = estimate(*settings, "--gold", "20")
    assert found["gold pairs"].calls == 20
    assert found["total"].calls == ALL + 20
    done(karl("run", *settings, *NAME))
    done(karl("label", "--gold", "20", *NAME))
    assert loopback.counts()["requests"] == ALL + 20
    again = estimate("--gold", "20", *NAME)["gold pairs"]
    assert (again.answers, again.stored, again.calls) == (60, 60, 0)


def test_pairs_that_are_asked_in_both_orders_are_counted_twice(
    shop: Path, loopback: Loopback
) -> None:
    settings = asking(shop, loopback, "llm.swapped=0.4", "budget.rounds=1")
    done(karl("seed", *settings, *NAME))
    done(karl("select", *NAME))
    calls = estimate(*NAME)["round 1"].calls
    assert A_ROUND < calls < 2 * A_ROUND
    done(karl("label", *NAME))
    log = loopback.log()
    assert len(log) == calls
    assert len({frozenset(pair) for pair in asked(log, shop)}) == A_ROUND


def test_rounds_to_come_are_not_free_because_typical_pairs_are_stored(
    shop: Path, loopback: Loopback
) -> None:
    settings = asking(shop, loopback, "sampler=random")
    done(karl("run", *settings, "budget.rounds=1", "--name", "one"))
    total = estimate(*settings, "--name", "three")["total"]
    assert (ROUNDS - 1) * A_ROUND <= total.calls <= ROUNDS * A_ROUND
    assert total.usd > 0


def test_a_label_budget_limits_the_estimate(shop: Path, loopback: Loopback) -> None:
    found = estimate(*asking(shop, loopback, "budget.labels=20"))
    assert found["total"].calls == 20


def test_what_is_done_is_asked_no_more(whole: Path) -> None:
    assert done(karl("estimate", "--name", "whole")).out == "llm=vllm is asked nothing more.\n"


def test_a_simulated_annotator_costs_nothing(shop: Path) -> None:
    assert (
        done(karl("estimate", "data=demo", "data.items=300")).out == "llm=oracle costs nothing.\n"
    )


def test_an_estimate_needs_a_price(shop: Path) -> None:
    nameless = model("http://127.0.0.1:9/v1", "llm.price_out_usd_per_mtok=null")
    answer = karl("estimate", *plain(shop), *nameless)
    assert (answer.code, answer.out) == (2, "")
    assert "nobody knows what the model 'hosted_vllm/small' costs" in answer.err


def test_an_estimate_needs_no_key(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    total = estimate(*plain(shop), "llm=openai")["total"]
    assert total.calls == ALL
    assert 0 < total.usd < total.most_usd
    assert not RUNS.exists()


def test_what_is_printed_fits_eighty_columns(shop: Path, loopback: Loopback) -> None:
    out = done(karl("estimate", *asking(shop, loopback, "budget.rounds=3000"))).out
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
