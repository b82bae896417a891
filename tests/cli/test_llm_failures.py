# ruff: noqa: E501  a row a line is how a table of cases is read
from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from cli.llm_shop import (
    A_ROUND,
    ROUNDS,
    RUNS,
    STORE,
    VOTES,
    Labelled,
    asking,
    model,
    plain,
    spent,
    votes_in,
    wait_until,
)
from cli.small_shop import done, finish, karl, results, start
from llm.asking import rows, states
from llm.loopback import Loopback, serve

from karl.llm import sender

NAME = ("--name", "unlucky")
RUN = RUNS / "unlucky"
SECRET = "sk-canary-0123456789"

REFUSED = [
    ("no key", ["llm=openai"], ("openai/gpt-4o-mini: the environment variable OPENAI_API_KEY is not set", "keys are read from the environment only")),
    ("unknown price", model("http://127.0.0.1:9/v1", "llm.price_in_usd_per_mtok=null"), ("nobody knows what the model 'hosted_vllm/small' costs", "llm.price_in_usd_per_mtok=… ")),
    ("unknown provider", model("http://127.0.0.1:9/v1", "llm.provider=nobody"), ("nobody/small: litellm knows no such model or provider", "llm.provider")),
    ("no model", ["llm=vllm"], ("llm.model has no value", "Set it: llm.model=VALUE")),
    ("password in the address", model(f"http://me:{SECRET}@127.0.0.1:9/v1"), ("llm.api_base: must hold no password or key",)),
    ("key in the address", model("http://127.0.0.1:9/v1", f"llm.api_base='http://127.0.0.1:9/v1?key={SECRET}'"), ("llm.api_base: must hold no password or key",)),
    ("key as a parameter", model("http://127.0.0.1:9/v1", f"llm.params={{api_key: {SECRET}}}"), ("llm.params: 'api_key' is not kept in a configuration", "environment")),
    ("key by itself", model("http://127.0.0.1:9/v1", f"llm.api_key={SECRET}"), ("there is no configuration key 'llm.api_key'", "'llm' has: ")),
    ("batches, which are gone", model("http://127.0.0.1:9/v1", "llm.batch=true"), ("there is no configuration key 'llm.batch'", "'llm' has: ")),
    ("unknown column", model("http://127.0.0.1:9/v1", "llm.columns=[title,colour]"), ("llm.columns: the catalogue has no column 'colour'", "It has: title, ")),
    ("too many examples", model("http://127.0.0.1:9/v1", "llm.examples=99"), ("llm.examples=99: only ", "Set llm.examples to ")),
    ("no template", model("http://127.0.0.1:9/v1", "llm.template=nowhere.j2"), ("nowhere.j2",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "said"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
@pytest.mark.parametrize("command", ["run", "round"])
def test_what_cannot_work_is_refused_before_anything_is_written(
    command: str,
    overrides: list[str],
    said: tuple[str, ...],
    shop: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    answer = karl(command, *plain(shop), *overrides, *NAME)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("karl: ")
    for words in said:
        assert words in answer.err
    assert SECRET not in answer.err
    assert list(workplace.iterdir()) == []


def test_a_wrong_key_stops_at_once_and_nothing_is_lost(
    labelled: Labelled, shop: Path, loopback: Loopback
) -> None:
    done(karl("run", *asking(shop, loopback, "budget.rounds=1"), *NAME))
    loopback.faults({"fault": "401", "times": -1})
    refused = karl("run", f"budget.rounds={ROUNDS}", *NAME)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.count("karl: ") == 1
    assert "karl: hosted_vllm/small refused the request (401): " in refused.err
    assert refused.err.endswith("\nCheck the key in the environment.\n")
    assert "Traceback" not in refused.err
    assert states(STORE).keys() == {"answered", "failed"}
    assert spent()[0] == A_ROUND
    loopback.faults()
    done(karl("run", *NAME))
    assert results(RUN) == results(labelled.folder)


def test_a_key_that_becomes_invalid_on_the_way_keeps_the_answers(
    labelled: Labelled, shop: Path, loopback: Loopback
) -> None:
    loopback.faults({"fault": "401", "every": 6})
    settings = asking(shop, loopback, "llm.concurrency=2")
    assert karl("run", *settings, *NAME).code == 1
    kept = states(STORE)["answered"]
    assert kept == loopback.counts()["answered"] >= 5
    done(karl("run", *settings, *NAME))
    assert loopback.counts()["answered"] == A_ROUND * ROUNDS
    assert results(RUN) == results(labelled.folder)


def test_a_server_that_is_down_is_one_message(
    labelled: Labelled, shop: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "_PAUSES_S", (0.05,))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    down = karl("run", *plain(shop), *model(nobody), *NAME)
    assert down.code == 1
    assert down.err.count("karl: ") == 1
    assert "karl: the provider is down: " in down.err
    assert "the provider fails; trying again in " in down.err
    assert down.err.endswith("All answers are kept. Run the same command later to go on.\n")
    assert "Traceback" not in down.err
    # No connection was made, so nothing can have been billed.
    assert states(STORE).keys() == {"failed"}
    assert spent() == (0, 0, 0.0)
    done(karl("run", f"llm.api_base={loopback.url}", *NAME))
    assert results(RUN) == results(labelled.folder)


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("concurrency", [1, 16])
def test_limits_and_outages_on_the_way_are_told_and_survived(
    concurrency: int,
    labelled: Labelled,
    shop: Path,
    loopback: Loopback,
    caplog: pytest.LogCaptureFixture,
) -> None:
    loopback.faults(
        {"fault": "429", "times": 2, "retry_after": 0.2},
        {"fault": "500", "times": 4, "every": 3},
        {"fault": "503", "times": 1},
    )
    settings = asking(shop, loopback, f"llm.concurrency={concurrency}")
    answer = done(karl("run", *settings, *NAME))
    for words in ("2 × status 429", "4 × status 500", "1 × status 503"):
        assert words in caplog.text
    assert "labels asked of hosted_vllm/small: " in caplog.text
    assert "the provider asks to wait 0.2 s" in answer.err
    assert results(RUN) == results(labelled.folder)
    assert states(STORE) == {"answered": A_ROUND * ROUNDS, "failed": 7}
    assert spent()[0] == A_ROUND * ROUNDS


@pytest.mark.usefixtures("short_pauses")
def test_a_wait_longer_than_wanted_stops_the_run(
    labelled: Labelled, shop: Path, loopback: Loopback
) -> None:
    loopback.faults({"fault": "429", "times": -1, "retry_after": 4000})
    answer = karl("run", *asking(shop, loopback), *NAME)
    assert answer.code == 1
    assert "the provider asks to wait 4000 s, longer than llm.max_wait_s=120" in answer.err
    loopback.faults()
    done(karl("run", *NAME))
    assert results(RUN) == results(labelled.folder)


@pytest.mark.usefixtures("short_pauses")
def test_answers_that_cannot_be_had_leave_the_others(
    labelled: Labelled, shop: Path, loopback: Loopback
) -> None:
    loopback.faults({"fault": "500", "times": -1, "match": "red"})
    settings = asking(shop, loopback, "llm.retries=1", "llm.concurrency=1")
    answer = karl("run", *settings, *NAME)
    assert answer.code == 1
    n_kept = states(STORE)["answered"]
    assert 0 < n_kept < A_ROUND
    assert f"{VOTES * (A_ROUND - n_kept)} labels could not be had in 2 attempts each" in answer.err
    assert answer.err.endswith("Run the same command to ask only for these.\n")
    loopback.faults()
    done(karl("run", *settings, *NAME))
    assert loopback.counts()["answered"] == A_ROUND * ROUNDS
    assert results(RUN) == results(labelled.folder)


def test_invalid_answers_are_asked_once_more_and_count_as_no_vote(
    shop: Path, loopback: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    loopback.faults({"fault": "wrong_label", "times": -1})
    done(karl("run", *asking(shop, loopback, "budget.rounds=1"), *NAME))
    votes = votes_in(RUN / "rounds/0001/votes.csv")
    assert list(votes.values()) == [[0] * VOTES] * A_ROUND
    assert (RUN / "rounds/0001/labels.csv").read_text().count("\n") == 1
    # Each of the votes is asked for again by itself.
    assert loopback.counts()["requests"] == A_ROUND * (1 + VOTES)
    assert f"{2 * VOTES * A_ROUND} × invalid answer" in caplog.text
    assert rows(STORE, "SELECT count(*) FROM answers WHERE value IS NOT NULL") == [(0,)]


@pytest.mark.slow
def test_what_went_wrong_on_the_way_is_told_on_stderr(shop: Path, loopback: Loopback) -> None:
    loopback.faults({"fault": "500", "times": 2})
    answer = done(finish(start("run", *asking(shop, loopback, "budget.rounds=1"), *NAME)))
    assert "labels asked of hosted_vllm/small: 2 × status 500\n" in answer.err


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=lambda stop: stop.name)
def test_an_interruption_waits_for_the_answers_in_flight(
    stop: signal.Signals, labelled: Labelled, shop: Path
) -> None:
    with serve(latency=1) as server:
        settings = asking(shop, server, "llm.concurrency=3")
        process = start("run", *settings, *NAME)
        wait_until(lambda: server.counts()["in_flight"] == 3)
        process.send_signal(stop)
        answer = finish(process)
        counts = server.counts()
    assert answer.code == 130
    assert "karl: interrupted; the same command goes on where this one stopped\n" in answer.err
    assert "stopping after those in flight" in answer.err
    assert "Traceback" not in answer.err
    assert counts["requests"] == counts["answered"] == 3
    assert states(STORE) == {"answered": 3}
    with serve(latency=0.01) as server:
        done(karl("run", f"llm.api_base={server.url}", *NAME))
        assert server.counts()["requests"] == A_ROUND * ROUNDS - 3
    assert results(RUN) == results(labelled.folder)


@pytest.mark.slow
def test_a_second_interruption_gives_up_the_answers_in_flight(shop: Path) -> None:
    with serve(latency=60) as server:
        process = start("run", *asking(shop, server, "llm.concurrency=3"), *NAME)
        wait_until(lambda: server.counts()["in_flight"] == 3)
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        said = ""
        while "stopping after those in flight" not in said:
            said += process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said += process.stderr.read()
        assert process.wait() == 130
    assert "Traceback" not in said
    assert "3 calls got no answer but may have been billed: they count as spent" in said
    assert states(STORE) == {"lost": 3}


@pytest.mark.slow
def test_of_two_processes_the_second_leaves_the_asking_to_the_first(
    labelled: Labelled, shop: Path
) -> None:
    with serve(latency=0.2) as server:
        settings = asking(shop, server, "llm.concurrency=2")
        process = start("run", *settings, *NAME)
        wait_until(lambda: server.counts()["requests"] > 0)
        for arguments in (["run", *settings], ["run"], ["label", "--gold", "5"]):
            answer = karl(*arguments, *NAME)
            assert (answer.code, answer.out) == (2, "")
            assert answer.err.startswith("karl: another process is working on the run 'unlucky'")
        done(finish(process))
        assert server.counts()["requests"] == A_ROUND * ROUNDS
    assert results(RUN) == results(labelled.folder)


def test_a_run_that_is_done_needs_no_key_any_more(
    shop: Path, loopback: Loopback, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [*plain(shop), "llm=openai", f"llm.api_base={loopback.url}", "budget.rounds=1"]
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    done(karl("run", *settings, *NAME))
    monkeypatch.delenv("OPENAI_API_KEY")
    done(karl("run", *settings, *NAME))
    more = karl("run", "budget.rounds=2", *NAME)
    assert more.code == 2
    assert "OPENAI_API_KEY is not set" in more.err
