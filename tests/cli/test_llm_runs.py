from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from cli.llm_shop import (
    A_ROUND,
    PRICE_IN,
    PRICE_OUT,
    ROUNDS,
    RUNS,
    STORE,
    Labelled,
    answers,
    asked,
    asking,
    metrics,
    selected,
    spent,
    votes_in,
)
from cli.small_shop import done, finish, karl, results, start, write_shop
from llm.asking import rows, states
from llm.loopback import Loopback, serve

from karl.annotators.llm import prompt

NAME = ("--name", "whole")
MORTAL = RUNS / "mortal"
TEMPLATE = Path(prompt.__file__).with_name("templates") / "label.en.j2"
STAGES = ("select", "label", "train", "evaluate")


def test_the_votes_of_a_run_are_what_the_server_answered(labelled: Labelled, shop: Path) -> None:
    said = answers(labelled.log, shop)
    for number in range(1, ROUNDS + 1):
        votes = votes_in(labelled.folder / f"rounds/{number:04d}/votes.csv")
        assert len(votes) == A_ROUND
        assert votes == {pair: said[pair] for pair in votes}
    assert said.keys() == selected(labelled.folder)


def test_what_a_run_reports_is_what_the_store_and_the_server_counted(labelled: Labelled) -> None:
    for row in metrics(labelled.folder):
        query = (
            "SELECT count(*), total(tokens_in), total(tokens_out), total(cost_usd) FROM ("
            "SELECT * FROM outcomes WHERE state = 'answered' ORDER BY call LIMIT ?)"
        )
        ((calls, *tokens, usd),) = rows(
            labelled.runs / "votes.sqlite", query, A_ROUND * row["round"]
        )
        assert row["llm_calls"] == calls == A_ROUND * row["round"]
        assert [row["llm_tokens_in"], row["llm_tokens_out"]] == tokens
        assert row["llm_cost_usd"] == pytest.approx(usd)
        cost = (row["llm_tokens_in"] * PRICE_IN + row["llm_tokens_out"] * PRICE_OUT) / 1e6
        assert row["llm_cost_usd"] == pytest.approx(cost)
    assert len(labelled.log) == A_ROUND * ROUNDS == metrics(labelled.folder)[-1]["llm_calls"]


def test_a_finished_run_asks_nothing_again(
    whole: Path, labelled: Labelled, shop: Path, loopback: Loopback
) -> None:
    for arguments in (asking(shop, loopback), []):
        done(karl("run", *arguments, *NAME))
    assert loopback.counts()["requests"] == 0
    assert results(whole) == results(labelled.folder)


def test_a_run_with_keys_of_an_earlier_version_goes_on_without_them(
    shop: Path, loopback: Loopback
) -> None:
    done(karl("run", *asking(shop, loopback, "budget.rounds=1"), *NAME))
    file = RUNS / "whole/config.yaml"
    config = yaml.safe_load(file.read_text())
    config["llm"] |= {"batch": False, "batch_poll_s": 60.0}
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    done(karl("run", *asking(shop, loopback, "budget.rounds=2"), *NAME))
    assert "batch" not in file.read_text()
    assert loopback.counts()["requests"] == 2 * A_ROUND


def test_a_run_that_was_deleted_costs_nothing_again(
    whole: Path, labelled: Labelled, shop: Path, loopback: Loopback
) -> None:
    before = spent()
    shutil.rmtree(whole)
    done(karl("run", *asking(shop, loopback), *NAME))
    assert loopback.counts()["requests"] == 0
    assert spent() == before
    assert results(whole) == results(labelled.folder)


def test_runs_share_votes(whole: Path, shop: Path, loopback: Loopback) -> None:
    others = ["sampler=entropy", "sampler=random", "seed=1"]
    known, shared = selected(whole), 0
    for number, other in enumerate(others):
        loopback.reset()
        done(karl("run", *asking(shop, loopback, other), "--name", f"other{number}"))
        wanted = selected(RUNS / f"other{number}")
        # Each run says what its votes took, whoever paid for them.
        assert metrics(RUNS / f"other{number}")[-1]["llm_calls"] == len(wanted)
        log = loopback.log()
        assert set(asked(log, shop)) == wanted - known
        assert len(log) == len(wanted - known)
        assert spent(account=f"other{number}")[0] == len(log)
        shared += len(wanted & known)
        known |= wanted
    assert shared > 0


def test_the_manifest_names_the_prompt_of_the_votes(labelled: Labelled) -> None:
    manifest = json.loads((labelled.folder / "manifest.json").read_text())
    (in_store,) = rows(labelled.runs / "votes.sqlite", "SELECT DISTINCT prompt FROM votes")
    assert (manifest["prompt_sha256"],) == in_store


def test_a_template_that_was_changed_is_refused_until_it_is_restored(
    shop: Path, loopback: Loopback
) -> None:
    mine = Path(shutil.copy(TEMPLATE, "mine.j2"))
    overrides = asking(shop, loopback, "llm.template=mine.j2", "budget.rounds=1")
    done(karl("run", *overrides, *NAME))
    mine.write_text(TEMPLATE.read_text().replace("You judge", "You always judge"))
    before = results(RUNS / "whole")
    for arguments in ([*overrides, "budget.rounds=2"], ["budget.rounds=2"]):
        answer = karl("run", *arguments, *NAME)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err == (
            "karl: the prompt of the run 'whole' has changed since it was started\n"
            "Restore the template, or choose another --name.\n"
        )
    assert results(RUNS / "whole") == before
    assert loopback.counts()["requests"] == A_ROUND
    shutil.copy(TEMPLATE, mine)
    done(karl("run", "budget.rounds=2", *NAME))


def test_another_template_asks_everything_anew(whole: Path, shop: Path, loopback: Loopback) -> None:
    mine = Path("mine.j2")
    mine.write_text(TEMPLATE.read_text().replace("You judge", "You always judge"))
    overrides = asking(shop, loopback, "llm.template=mine.j2", "budget.rounds=1")
    done(karl("run", *overrides, "--name", "other"))
    assert loopback.counts()["requests"] == A_ROUND


def test_titles_that_were_changed_are_refused(tmp_path: Path, loopback: Loopback) -> None:
    shop = write_shop(tmp_path / "shop")
    done(karl("run", *asking(shop, loopback, "budget.rounds=1"), *NAME))
    catalogue = shop / "catalogue.csv"
    catalogue.write_text(catalogue.read_text().replace("red ballpoint", "crimson ballpoint", 1))
    answer = karl("run", "budget.rounds=2", *NAME)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        "karl: the data of the run 'whole' have changed since it was started\n"
        "Restore the data files, or choose another --name.\n"
    )
    assert loopback.counts()["requests"] == A_ROUND


@pytest.fixture
def elsewhere() -> Iterator[Loopback]:
    """A second server with the same model."""
    with serve(latency=0.01) as server:
        yield server


def test_where_and_how_fast_a_run_asks_may_change(
    whole: Path, loopback: Loopback, elsewhere: Loopback
) -> None:
    changes = [f"llm.api_base={elsewhere.url}", "llm.concurrency=2", "llm.timeout_s=20"]
    done(karl("run", f"budget.rounds={ROUNDS + 1}", *changes, *NAME))
    assert loopback.counts()["requests"] == 0
    counts = elsewhere.counts()
    assert counts["requests"] == A_ROUND
    assert counts["max_in_flight"] <= 2


@pytest.mark.parametrize("change", ["llm.model=large", "llm.temperature=0.5", "llm.votes=5"])
def test_what_shapes_answers_may_not_change(
    change: str, whole: Path, shop: Path, loopback: Loopback
) -> None:
    answer = karl("run", *asking(shop, loopback, change), *NAME)
    assert (answer.code, answer.out) == (2, "")
    assert "the run 'whole' was started with another configuration:\n" in answer.err
    key, _, value = change.partition("=")
    (line,) = [line for line in answer.err.splitlines() if " → " in line]
    assert line.startswith(f"  {key}: ")
    assert line.endswith((f"→ {value}", f'→ "{value}"'))
    assert loopback.counts()["requests"] == 0


def in_stages(overrides: list[str]) -> None:
    done(karl("seed", *overrides, *NAME))
    for _ in range(ROUNDS):
        for stage in STAGES:
            done(karl(stage, *NAME))


def one_by_one(overrides: list[str]) -> None:
    done(karl("run", *overrides, "llm.concurrency=1", *NAME))


def stopped_by_budgets(overrides: list[str]) -> None:
    """A few calls at a time, most rounds stopped in the middle."""
    for calls in range(5, A_ROUND * ROUNDS, 7):
        assert karl("run", *overrides, f"budget.calls={calls}", *NAME).code == 3
    done(karl("run", *overrides, *NAME))


@pytest.mark.parametrize("carry_out", [in_stages, one_by_one, stopped_by_budgets])
def test_however_a_run_is_carried_out_its_results_are_the_same(
    carry_out: Callable[[list[str]], None], labelled: Labelled, shop: Path, loopback: Loopback
) -> None:
    carry_out(asking(shop, loopback))
    assert results(RUNS / "whole") == results(labelled.folder)
    assert loopback.counts()["requests"] == A_ROUND * ROUNDS


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_as_one_left_alone(
    labelled: Labelled, shop: Path
) -> None:
    rng = random.Random(0)
    with serve(latency=0.1) as server:
        arguments = ["run", *asking(shop, server, "llm.concurrency=3"), "--name", "mortal"]
        kills, seen, said = 0, 0, ""
        while True:
            until = seen + rng.randint(3, 12)
            process = start(*arguments)
            while process.poll() is None and server.counts()["requests"] < until:
                time.sleep(0.01)
            process.kill()
            answer = finish(process)
            said += answer.err
            if answer.code == 0:
                break
            kills += 1
            seen = server.counts()["requests"]
        count = states(STORE)
        log = server.log()
    assert kills > 1
    assert results(MORTAL) == results(labelled.folder)
    assert "calls were in flight when an earlier process of 'mortal' was killed" in said
    # Every call that the server saw is written down; only those in flight were asked again.
    assert count["answered"] == A_ROUND * ROUNDS
    assert count["open"] == count["failed"] == 0
    # Three in flight, and one that was written down ahead.
    assert 0 < count["lost"] <= 4 * kills
    assert len(log) <= sum(count.values())
    assert metrics(MORTAL)[-1]["llm_calls"] == A_ROUND * ROUNDS
    assert spent()[0] == count["answered"] + count["lost"]
