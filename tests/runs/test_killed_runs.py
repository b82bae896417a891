from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.small_shop import Answer, done, finish, karl, results, settings, snapshot, start

KILL_AT_WRITES = Path(__file__).with_name("kill_at_writes.py")
NAME = ("--name", "mortal")
RUN = Path("runs/mortal")


class Killed(BaseException):
    """Ends a command as a kill would, at a place where nothing catches it."""


def failing_at(number: int, failure: BaseException) -> Callable[..., None]:
    """Return an `os.replace`, with which every write ends, that fails the n-th time."""
    rename, count = os.replace, 0

    def replace(*arguments: object, **options: object) -> None:
        nonlocal count
        count += 1
        if count == number:
            raise failure
        rename(*arguments, **options)

    return replace


def karl_failing_at(number: int, failure: BaseException, *arguments: str) -> Answer | None:
    """Call a command that is killed or fails at its n-th write; None: it was killed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", failing_at(number, failure))
        try:
            return karl(*arguments)
        except Killed:
            return None


def kill_at_writes(folder: Path, first: int, step: int, *overrides: str) -> None:
    """Have runs killed at one write each and resumed; see `kill_at_writes.py`."""
    subprocess.run(
        [sys.executable, KILL_AT_WRITES, str(folder), str(first), str(step), *overrides],
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


# A process writes configuration and metrics, then at most five files of a stage.
@pytest.mark.parametrize("writes", [8, *(pytest.param(n, marks=pytest.mark.slow) for n in (9, 11))])
def test_a_run_killed_again_and_again_ends_as_one_left_alone(
    writes: int, in_one_go: Path, shop: Path
) -> None:
    kills = 0
    while karl_failing_at(writes, Killed(), "run", *settings(shop), *NAME) is None:
        kills += 1
    assert kills > 3
    assert results(RUN) == results(in_one_go)


@pytest.mark.parametrize("write", [1, 5, 17])
def test_a_full_disk_is_one_message_and_the_run_goes_on(
    write: int, in_one_go: Path, shop: Path
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    answer = karl_failing_at(write, full, "run", *settings(shop), *NAME)
    assert answer is not None
    assert answer.code == 1
    assert answer.err.count("karl: ") == 1
    assert "No space left on device" in answer.err
    assert "Traceback" not in answer.err
    assert not [name for name in snapshot(Path()) if "/." in name and "/.lock" not in name]
    done(karl("run", *settings(shop), *NAME))
    assert results(RUN) == results(in_one_go)


def test_what_killed_processes_leave_behind_does_no_harm(mine: Path, in_one_go: Path) -> None:
    (mine / "rounds" / "0002").mkdir()
    for name in (".manifest-abc.json", ".config-abc.yaml", "rounds/0002/.selected-abc.csv"):
        (mine / name).write_text("half of it")
    (mine / "rounds/0002/selected.csv").write_text("of a stage that was not recorded\n")
    done(karl("run", "budget.rounds=3", "--name", "mine"))
    assert results(mine) == results(in_one_go)
    assert "mine" in done(karl("status")).out


def test_a_run_killed_before_it_had_a_configuration_can_be_started_anew(shop: Path) -> None:
    assert karl_failing_at(2, Killed(), "run", *settings(shop), *NAME) is None
    assert (RUN / "manifest.json").exists()
    assert karl("select", *NAME).code == 2
    done(karl("seed", *settings(shop, "sampler=qbc"), *NAME))


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 2])
def test_a_process_may_be_killed_at_any_write(first: int, shop: Path) -> None:
    overrides = settings(shop, "budget.rounds=1")
    done(karl("run", *overrides, "--name", "whole"))
    kill_at_writes(Path("killed").absolute(), first, 2, *overrides)
    folders = [path.parent for path in Path("killed").glob("*/config.yaml")]
    assert len(folders) > 10
    for folder in folders:
        assert results(folder) == results(Path("runs/whole")), folder


@pytest.mark.slow
def test_a_process_may_be_killed_at_any_write_of_several_models_and_of_votes_on_gold(
    workplace: Path,
) -> None:
    overrides = (
        *("data=demo", "data.items=300", "data.id_pairs=200", "data.ood_pairs=100"),
        *("experiment=paper", "classifier=bagged_hgb", "classifier.n_members=2"),
        *("classifier.tuning=null", "consensus=dawid_skene", "consensus.gold_pairs=30"),
        *("consensus.soft=true", "budget.rounds=2", "budget.labels_per_round=20"),
    )
    done(karl("run", *overrides, "--name", "whole"))
    kill_at_writes(workplace / "killed", 1, 4, *overrides)
    folders = [path.parent for path in Path("killed").glob("*/config.yaml")]
    assert len(folders) > 8
    for folder in folders:
        assert results(folder) == results(Path("runs/whole")), folder


@pytest.mark.slow
def test_a_process_may_be_killed_at_any_time(shop: Path) -> None:
    rng = random.Random(0)
    overrides = settings(shop, "budget.rounds=30")
    done(karl("run", *overrides, "--name", "whole"))
    kills = 0
    for _ in range(8):
        process = start("run", *overrides, *NAME)
        time.sleep(rng.uniform(1.5, 5))
        process.kill()
        kills += finish(process).code != 0
    assert kills
    done(finish(start("run", *overrides, *NAME)))
    assert results(RUN) == results(Path("runs/whole"))
