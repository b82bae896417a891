"""Sweeps from the shell: every job once, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from cli.small_shop import done, finish, karl, results, settings, snapshot, start
from threadpoolctl import threadpool_info, threadpool_limits

from karl.cli.sweep_display import _headline
from karl.sweeps.directory import JobStatus, Outcome, Sweep
from karl.sweeps.launch import THREADS, _its_share_of_cores

NAME = ("--name", "mine")
SWEEP = Path("runs/mine")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")

FRAGILE = """
from pydantic.dataclasses import dataclass
from karl.samplers.random import Random
from pathlib import Path

@dataclass(frozen=True)
class Fragile(Random):
    def query(self, pool):
        if len(pool) > 1 and not Path("mended").exists():
            raise RuntimeError("out of order")
        return super().query(pool)
"""


def jobs(sweep: Path = SWEEP) -> list[Path]:
    """Return the folders of a sweep's runs."""
    return sorted(file.parent for file in sweep.glob("*/config.yaml"))


@pytest.mark.slow
def test_every_job_is_a_run_as_if_it_had_been_run_alone(swept: Path, shop: Path) -> None:
    listed = json.loads((swept / "sweep.json").read_text())["jobs"]
    assert sorted(job["run"] for job in listed) == [folder.name for folder in jobs()]
    assert len(listed) == 4
    for job in listed:
        alone = ("--name", f"alone-{job['run']}")
        done(karl("run", *job["overrides"], *alone))
        assert results(Path("runs", alone[1])) == results(swept / job["run"])


def test_the_same_command_does_nothing_more(swept: Path, small: list[str]) -> None:
    before = snapshot(swept)
    assert "4 jobs: 4 done" in done(karl("sweep", *small, *NAME)).out
    assert "4 jobs: 4 done" in done(karl("sweep", *NAME)).out
    assert {k: v for k, v in snapshot(swept).items() if not k.startswith(".")} == {
        k: v for k, v in before.items() if not k.startswith(".")
    }


def test_more_values_run_only_what_is_missing(swept: Path, shop: Path) -> None:
    before = {folder.name: snapshot(folder) for folder in jobs()}
    more = settings(shop, "sampler=random,margin,entropy", "split.fold=0,1", "budget.rounds=1")
    assert "6 jobs: 6 done" in done(karl("sweep", *more, *NAME)).out
    after = {folder.name: snapshot(folder) for folder in jobs()}
    assert len(after) == 6
    assert {name: after[name] for name in before} == before


@pytest.mark.slow
def test_a_higher_limit_goes_on_with_every_run(swept: Path, shop: Path) -> None:
    done(karl("sweep", *NAME, "budget.rounds=2"))
    for folder in jobs():
        assert (folder / "rounds/0002/evaluation.json").exists()
        overrides = next(
            job["overrides"]
            for job in json.loads((swept / "sweep.json").read_text())["jobs"]
            if job["run"] == folder.name
        )
        alone = ("--name", f"alone-{folder.name}")
        done(karl("run", *overrides, "budget.rounds=2", *alone))
        assert results(Path("runs", alone[1])) == results(folder)


@pytest.fixture
def fragile(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A sampler of one's own that fails at work, but not when it is checked."""
    (workplace / "own/sampler").mkdir(parents=True)
    option = "_target_: fragile.Fragile\nper_category: 1\n"
    (workplace / "own/sampler/fragile.yaml").write_text(option)
    (workplace / "fragile.py").write_text(FRAGILE)
    monkeypatch.syspath_prepend(str(workplace))
    return ("--config-dir", "own")


def test_a_job_that_fails_does_not_hide_the_others(shop: Path, fragile: tuple[str, str]) -> None:
    command = ("sweep", *settings(shop, "sampler=random,fragile,margin", "budget.rounds=1"))
    answer = karl(*command, *NAME, *fragile)
    assert answer.code == 1
    assert "3 jobs: 2 done, 1 failed" in answer.out
    assert answer.err.startswith("karl: 1 of 3 jobs failed:\n  tables-fragile-")
    assert "RuntimeError: out of order" in answer.err
    status = done(karl("status", "mine")).out
    assert "failed" in status and "out of order" in status
    report = done(karl("report", "mine")).out
    assert "is left out: failed, RuntimeError: out of order." in " ".join(report.split())
    Path("mended").touch()
    assert "3 jobs: 3 done" in done(karl(*command, *NAME, *fragile)).out


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["budget.labels=1,many"], "budget.labels=many:\nbudget.labels: "),
        (["split.fold=0,9"], "split.fold=9:\nsplit: split.fold=9: folds are 0 to 2"),
        (["split.n_folds=3,90"], "split.n_folds=90:\nonly "),
        (
            ["sampler=margin,qbc", "classifier.n_members=1"],
            "sampler=qbc:\nsampler=qbc: a committee of one never disagrees",
        ),
    ],
)
def test_a_job_that_cannot_be_run_keeps_all_from_starting(
    overrides: list[str], told: str, shop: Path
) -> None:
    answer = karl("sweep", *settings(shop, *overrides), *NAME)
    assert answer.code == 2
    assert answer.err.startswith(f"karl: {told}")
    assert not SWEEP.exists()


@pytest.mark.slow
def test_a_label_budget_that_runs_out_is_told_at_the_end(shop: Path) -> None:
    command = settings(shop, "sampler=random,margin", "budget.rounds=2", "budget.labels=12")
    answer = karl("sweep", *command, *NAME)
    assert answer.code == 3
    assert "2 jobs: 2 budget" in answer.out
    assert answer.err.startswith("karl: the budget ran out in 2 of 2 jobs: tables-")
    assert "2 jobs: 2 done" in done(karl("sweep", *NAME, "budget.labels=100")).out


def test_names_are_of_a_run_or_of_a_sweep(swept: Path, small: list[str], shop: Path) -> None:
    answer = karl("run", "--name", "mine", *settings(shop))
    assert (answer.code, answer.err.splitlines()[0]) == (
        2,
        "karl: 'mine' is a sweep of several runs",
    )
    run = f"mine/{jobs()[0].name}"
    assert "OOD: margin has a macro-F1" in done(karl("run", "--name", run)).out
    done(karl("run", *settings(shop, "budget.rounds=0"), "--name", "single"))
    answer = karl("sweep", *small, "--name", "single")
    assert (answer.code, answer.err.splitlines()[0]) == (2, "karl: 'single' is a run, no sweep")
    assert karl("run", "--name", "../mine/x").code == 2
    assert karl("status", "single").code == 2


def test_launchers_that_are_not_there_are_told_of(small: list[str]) -> None:
    answer = karl("sweep", *small, "hydra/launcher=rocket", *NAME)
    assert answer.code == 2
    assert answer.err.startswith("karl: hydra/launcher=rocket: there is no such launcher\nChoose")
    answer = karl("sweep", *small, "hydra.launcher.nothing=1", *NAME)
    assert answer.code == 2
    assert "nothing" in answer.err
    assert not SWEEP.exists()


def test_a_sweep_needs_something_to_vary() -> None:
    answer = karl("sweep")
    assert (answer.code, answer.err.splitlines()[0]) == (2, "karl: nothing is varied")


def test_status_shows_a_sweep_as_one_line(swept: Path) -> None:
    line = next(line for line in done(karl("status")).out.splitlines() if "mine" in line)
    assert line.split()[:2] == ["mine", "4/4"]
    listed = done(karl("status", "mine")).out
    assert all(folder.name in listed for folder in jobs())
    assert listed.count("done") == 4


def _wait_for(condition: Path, process: object) -> None:
    while not list(Path().glob(str(condition))) and process.poll() is None:  # type: ignore[attr-defined]
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [(), JOBLIB], ids=["basic", "joblib"])
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_sweep_that_is_stopped_is_finished_by_the_same_command(
    launcher: tuple[str, ...], blow: signal.Signals, small: list[str], finished: Path
) -> None:
    if launcher:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    command = ("sweep", *small, *launcher, *NAME)
    process = start(*command)
    _wait_for(SWEEP / "*/rounds/0001/selected.csv", process)
    os.kill(process.pid, blow)
    code = finish(process).code
    assert code == (-9 if blow is signal.SIGKILL else 130)
    assert len(list(SWEEP.glob("*/outcome.json"))) <= 4
    assert "4 jobs: 4 done" in done(finish(start(*command))).out
    assert [folder.name for folder in jobs()] == [folder.name for folder in jobs(finished)]
    for folder in jobs():
        assert results(folder) == results(finished / folder.name)


def test_two_at_once_do_not_disturb_each_other(swept: Path, small: list[str]) -> None:
    before = snapshot(swept)
    with Sweep.load(swept).locked():
        answer = karl("sweep", *small, "seed=0,1", *NAME)
    assert answer.code == 2
    assert "another process is carrying out the sweep 'mine'" in answer.err
    assert snapshot(swept) == before


@pytest.mark.slow
def test_a_run_that_is_finished_by_itself_is_part_of_the_report(
    shop: Path, fragile: tuple[str, str]
) -> None:
    command = ("sweep", *settings(shop, "sampler=random,fragile", "budget.rounds=1"))
    assert karl(*command, *NAME, *fragile).code == 1
    Path("mended").touch()
    failed = next(folder.name for folder in jobs() if "fragile" in folder.name)
    done(karl("run", "--name", f"mine/{failed}", *fragile))
    out = done(karl("report", "mine")).out
    assert "fragile" in out and "left out" not in out


def test_a_job_that_was_never_made_keeps_no_other_from_running(
    swept: Path, small: list[str]
) -> None:
    listed = json.loads((swept / "sweep.json").read_text())
    extra = {"run": "tables-qbc-00000000", "overrides": [*small, "sampler=qbc"]}
    listed["jobs"].append(extra)
    (swept / "sweep.json").write_text(json.dumps(listed))
    answer = karl("sweep", *small, *NAME)
    assert answer.code == 1
    assert "5 jobs: 4 done, 1 waiting" in answer.out
    assert "1 of 5 jobs have not ended: tables-qbc-00000000" in answer.err


def test_jobs_beside_each_other_keep_to_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info()}

    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    with threadpool_limits(limits=2):
        with _its_share_of_cores("joblib"):
            assert threads() == {1}
        with _its_share_of_cores("basic"):
            assert threads() == {2}
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        with _its_share_of_cores("joblib"):
            assert threads() == {2}


def job(state: str, rounds_done: int) -> JobStatus:
    return JobStatus("x", (), Outcome(state, ""), rounds_done, 11)  # type: ignore[arg-type]


def test_the_headline_tells_what_is_left() -> None:
    found = [job("done", 11), job("running", 4), job("waiting", 0), job("failed", 2)]
    # The failed job does no more: there will be 11 + 11 + 11 + 2 rounds. 7 took 70 s, 18 are left.
    assert _headline(found, before=10, seconds=70) == (
        "4 jobs: 1 done, 1 running, 1 waiting, 1 failed · 17/35 rounds · about 3 min left"
    )
    assert "left" not in _headline([job("done", 11)], before=0, seconds=1)


def test_a_sweep_is_in_no_other_sweep(swept: Path, small: list[str]) -> None:
    for command in ("sweep", "tune"):
        answer = karl(command, *small, "--name", "mine/inner")
        assert answer.code == 2
        assert "'mine/inner' cannot be the name of a run or a sweep" in answer.err


def test_an_experiment_at_a_time_and_no_numbers_of_rounds() -> None:
    for override in ("experiment=demo,fbl_names", "budget.rounds=1,2"):
        answer = karl("sweep", override)
        assert answer.code == 2
        assert answer.err.startswith(f"karl: {override.partition('=')[0]}")
