from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from cli.small_shop import done, karl, results, settings

from karl.config.compose import compose_config
from karl.runs.changes import default_name
from karl.runs.directory import Run
from karl.runs.loop import Observer, Step

NAME = ("--name", "mine")
RUN = Path("runs/mine")

TOLD: list[tuple[str, str, int]] = []


@dataclass(frozen=True)
class Notebook:
    """A tracker of the user's own: notes what it is told."""

    page: int = 1

    def check(self) -> None:
        TOLD.append(("check", "", 0))

    @contextmanager
    def follow(self, run: Run) -> Iterator[Observer]:
        self.started(Step("open", 0))
        yield self
        self.started(Step("close", 0))

    def started(self, step: Step) -> None:
        TOLD.append(("started", step.stage, step.round))

    def finished(self, step: Step) -> None:
        TOLD.append(("finished", step.stage, step.round))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of options with a tracker of the user's own; nothing has been told yet."""
    monkeypatch.setattr(sys.modules[__name__], "TOLD", [])
    folder = tmp_path / "own"
    (folder / "tracking").mkdir(parents=True)
    option = f"_target_: {Notebook.__module__}.{Notebook.__qualname__}\npage: 1\n"
    (folder / "tracking" / "notebook.yaml").write_text(option)
    return folder


def test_a_run_without_tracking_loads_nothing_of_mlflow(shop: Path) -> None:
    code = """
import sys
from karl.cli.app import main
try:
    main()
except SystemExit as stop:
    found = [name for name in sys.modules if name.partition(".")[0] == "mlflow"]
    sys.exit(stop.code or (f"loaded: {found}" if found else 0))
"""
    run = ("run", *settings(shop, "budget.rounds=1"), *NAME)
    ended = subprocess.run(
        [sys.executable, "-c", code, *run], check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert not list(Path("runs").glob("mlflow*"))


def test_mlflow_that_is_not_installed_is_told_before_a_run_is_made(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("karl.tracking.mlflow.find_spec", lambda name: None)
    answer = karl("run", *settings(shop, "tracking=mlflow"), *NAME)
    assert answer.code == 2
    assert "tracking=mlflow: the package mlflow is not installed" in answer.err
    assert "pip install 'karl[mlflow]'" in answer.err
    assert not RUN.exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tracking.uri=https://me:secret@host", "MLFLOW_TRACKING_PASSWORD"),
        ("tracking.uri=''", "tracking.uri"),
        ("tracking.experiment=''", "tracking.experiment"),
        ("tracking.url=x", "Did you mean tracking.uri?"),
    ],
)
def test_wrong_settings_are_refused_before_a_run_is_made(
    override: str, message: str, shop: Path
) -> None:
    answer = karl("run", *settings(shop, "tracking=mlflow", override), *NAME)
    assert answer.code == 2
    assert message in answer.err
    assert not RUN.exists()


def test_tracking_is_no_part_of_the_experiment(shop: Path) -> None:
    plain, tracked = (compose_config(settings(shop, *more)) for more in ((), ("tracking=mlflow",)))
    assert default_name(plain) == default_name(tracked)


def test_a_run_from_before_there_was_tracking_goes_on(shop: Path) -> None:
    done(karl("run", *settings(shop), *NAME))
    whole = results(RUN)
    done(karl("run", *settings(shop, "budget.rounds=1"), "--name", "old"))
    file = Path("runs/old/config.yaml")
    config = yaml.safe_load(file.read_text())
    del config["tracking"], config["choices"]["tracking"]
    file.write_text(yaml.safe_dump(config))
    assert "1/1" in done(karl("status")).out
    done(karl("run", "budget.rounds=2", "--name", "old"))
    done(karl("run", *settings(shop), "--name", "old"))
    assert results(file.parent) == whole


def test_a_tracker_is_told_of_the_loop_and_may_be_chosen_later(shop: Path, own: Path) -> None:
    done(karl("run", *settings(shop, "budget.rounds=0"), *NAME))
    more = ("tracking=notebook", "tracking.page=7", "budget.rounds=1")
    done(karl("round", *more, *NAME, "--config-dir", str(own)))
    stages = ("select", "label", "train", "evaluate")
    of_round = [(what, stage, 1) for stage in stages for what in ("started", "finished")]
    opened, closed = ("started", "open", 0), ("started", "close", 0)
    assert list(TOLD) == [("check", "", 0), opened, *of_round, closed]
    config = yaml.safe_load((RUN / "config.yaml").read_text())
    assert config["tracking"]["page"] == 7
    assert config["choices"]["tracking"] == "notebook"


@pytest.mark.parametrize("more", [(), ("tracking=none",)])
def test_tracking_may_be_left_out_later(more: tuple[str], shop: Path, own: Path) -> None:
    overrides = settings(shop, "budget.rounds=0")
    done(karl("run", *overrides, "tracking=notebook", *NAME, "--config-dir", str(own)))
    TOLD.clear()
    done(karl("run", *overrides, *more, *NAME))
    assert not TOLD


def test_a_tracker_that_there_is_not_is_refused_with_those_that_there_are(shop: Path) -> None:
    done(karl("run", *settings(shop, "budget.rounds=0"), *NAME))
    answer = karl("run", "tracking=notebook", *NAME)
    assert answer.code == 2
    assert "mlflow, none" in answer.err
    assert "tracking.uri" in karl("run", "tracking.uri=x", *NAME).err
