"""Processes that are told to stop, and processes that want the same run."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from cli.small_shop import done, finish, karl, results, settings, snapshot, start

from karl.annotators import Annotation
from karl.config.compose import compose_config
from karl.experiments import Experiment
from karl.runs.directory import Run
from karl.runs.loop import STAGES, Step, run_to_end

NAME = ("--name", "long")
LONG = Path("runs/long")
MANY_ROUNDS = "budget.rounds=40"


def rounds_done(folder: Path) -> int:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return json.loads(lines[-1])["round"] if lines else -1


@contextmanager
def at_work(shop: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Start a long run and wait until its seed is evaluated."""
    process = start("run", *settings(shop, MANY_ROUNDS, *more), *NAME)
    try:
        while not (LONG / "metrics.jsonl").exists() or rounds_done(LONG) < 0:
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.01)
        yield process
    finally:
        process.kill()


@pytest.mark.parametrize("stage", ["seed", "label"])
def test_an_interruption_says_how_to_go_on(
    stage: str, in_one_go: Path, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setitem(STAGES, stage, interrupted)
        answer = karl("run", *settings(shop), *NAME)
    assert answer.code == 130
    done(karl("run", *NAME))
    assert results(LONG) == results(in_one_go)
    assert answer.err.endswith(
        "karl: interrupted; the same command goes on where this one stopped\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=lambda stop: stop.name)
def test_an_interrupted_run_says_how_to_go_on_and_does(stop: signal.Signals, shop: Path) -> None:
    with at_work(shop) as process:
        process.send_signal(stop)
        answer = finish(process)
    assert answer.code == 130
    assert "Traceback" not in answer.err
    assert [name for name in snapshot(LONG) if Path(name).name.startswith(".")] == [".lock"]
    one_more = settings(shop, f"budget.rounds={rounds_done(LONG) + 1}")
    done(karl("run", *one_more, *NAME))
    done(karl("run", *one_more, "--name", "whole"))
    assert results(LONG) == results(Path("runs/whole"))
    assert "karl: interrupted; the same command goes on where this one stopped" in answer.err


@pytest.mark.slow
def test_of_two_processes_the_second_leaves_the_run_to_the_first(shop: Path) -> None:
    with at_work(shop) as process:
        process.send_signal(signal.SIGSTOP)
        before = snapshot(LONG)
        for command in ("run", "round", "seed", "select"):
            for arguments in ((*settings(shop, MANY_ROUNDS), *NAME), ("budget.rounds=4", *NAME)):
                answer = karl(command, *arguments)
                assert answer.code == 2
                assert answer.err.startswith("karl: another process is working on the run 'long'")
        assert snapshot(LONG) == before
        process.send_signal(signal.SIGCONT)
        done(finish(process))
    assert rounds_done(LONG) == 40


def test_a_run_is_locked_at_every_stage(one_round: Path, shop: Path) -> None:
    overrides = settings(shop, "budget.rounds=1")

    class Rival:
        """Asks for the run whenever a stage begins."""

        asked = 0

        def started(self, step: Step) -> None:
            answer = karl("run", *overrides, *NAME)
            assert answer.code == 2, step
            assert "another process is working on the run" in answer.err
            Rival.asked += 1

        def finished(self, step: Step) -> None:
            pass

    run = Run(LONG, compose_config(overrides))
    run.prepare()
    run_to_end(run, Rival())
    assert Rival.asked == 2 + 4
    assert results(LONG) == results(one_round)


def test_a_run_that_another_process_finished_meanwhile_is_not_overwritten(
    one_round: Path, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both found no run of that name; one was done before the other had read its data."""
    overrides = settings(shop, "budget.rounds=1")
    check = Experiment.check

    def overtaken(experiment: Experiment) -> Annotation:
        monkeypatch.setattr(Experiment, "check", check)
        done(karl("run", *overrides, *NAME))
        return check(experiment)

    monkeypatch.setattr(Experiment, "check", overtaken)
    answer = karl("run", *overrides, "seed=7", *NAME)
    assert results(LONG) == results(one_round)
    assert answer.code == 2
    assert "was started with another configuration" in answer.err


@pytest.mark.slow
def test_looking_at_a_run_needs_no_lock(shop: Path) -> None:
    with at_work(shop) as process:
        process.send_signal(signal.SIGSTOP)
        assert "long" in done(karl("status")).out
        assert "Round" in done(karl("report", "long")).out
