from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cli.small_shop import done, finish, karl, results, settings, start

from karl.runs.directory import Run
from karl.tracking.mlflow_store import metrics_of, open_client, parameters_of

pytestmark = pytest.mark.skipif(
    find_spec("mlflow") is None, reason="needs the package mlflow: pip install 'karl[mlflow]'"
)

NAME = ("--name", "mine")
RUN = Path("runs/mine")
TRACKED = "tracking=mlflow"
ROUNDS = [0, 1, 2, 3]


@dataclass(frozen=True)
class Stored:
    """What MLflow has of the only run."""

    client: Any
    run: Any

    @property
    def status(self) -> str:
        return str(self.run.info.status)

    def steps(self, metric: str) -> list[int]:
        """Return the rounds of a metric, each as often as it was logged."""
        history = self.client.get_metric_history(self.run.info.run_id, metric)
        return sorted(point.step for point in history)

    def values(self, metric: str) -> list[float]:
        history = self.client.get_metric_history(self.run.info.run_id, metric)
        return [point.value for point in sorted(history, key=lambda point: point.step)]

    def artefacts(self, folder: str = "") -> set[str]:
        return {a.path for a in self.client.list_artifacts(self.run.info.run_id, folder)}


def stored(file: str = "runs/mlflow.db", experiment: str = "karl") -> Stored:
    client = client_of(file)
    number = client.get_experiment_by_name(experiment).experiment_id
    (run,) = client.search_runs([number])
    return Stored(client, run)


def client_of(file: str) -> Any:
    """Open a store; MLflow keeps it open by its name, of which each test needs one of its own."""
    return open_client(f"sqlite:///{Path(file).resolve()}")


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RUN / "metrics.jsonl").read_text().splitlines()]


def test_a_run_is_in_mlflow_with_all_that_can_be_compared(shop: Path) -> None:
    done(karl("run", *settings(shop), "--name", "untracked"))
    answer = done(karl("run", *settings(shop, TRACKED), *NAME))
    assert "INFO" not in answer.err
    assert results(RUN) == results(Path("runs/untracked"))

    found = stored()
    assert found.status == "FINISHED"
    assert found.run.info.run_name == "mine"
    parameters = found.run.data.params
    assert parameters["sampler.per_category"] == "2"
    assert parameters["choices.sampler"] == "margin"
    assert parameters["budget.labels"] == "null"
    assert not [key for key in parameters if "tracking" in key]
    for name in ("macro_f1", "f1_substitute"):
        expected = [row[name] for row in rows() if row["eval_set"] == "ood"]
        assert found.values(f"ood_{name}") == expected
    for name in ("n_llm", "diversity", "llm_cost_usd", "seconds"):
        assert found.values(name) == [row[name] for row in rows() if row["eval_set"] == "id"]
    assert found.steps("id_macro_f1") == ROUNDS
    files = {"config.yaml", "manifest.json", "metrics.jsonl"}
    assert found.artefacts() == files | {"report"}
    assert found.artefacts("report") == {"report/learning_curve.png"}
    assert set(map(str, Path().iterdir())) == {"runs"}
    assert "mine" in karl("status").out


def test_what_mlflow_lacks_is_filled_in_and_nothing_is_there_twice(shop: Path) -> None:
    done(karl("run", *settings(shop, "budget.rounds=1"), *NAME))
    done(karl("run", TRACKED, *NAME))
    assert stored().status == "FINISHED"
    assert stored().steps("id_macro_f1") == [0, 1]
    done(karl("run", "tracking=none", "budget.rounds=2", *NAME))
    assert stored().steps("id_macro_f1") == [0, 1]
    for _ in range(2):
        done(karl("run", TRACKED, "budget.rounds=3", *NAME))
        found = stored()
        assert found.steps("id_macro_f1") == found.steps("seconds") == ROUNDS
    # MLflow's parameters cannot change.
    assert found.run.data.params["budget.rounds"] == "1"
    assert found.run.data.tags["budget.rounds"] == "3"


def test_stages_by_themselves_make_one_run(shop: Path) -> None:
    overrides = settings(shop, TRACKED, "budget.rounds=1")
    done(karl("seed", *overrides, *NAME))
    assert stored().status == "KILLED"
    for stage in ("select", "label", "train", "evaluate"):
        assert karl("seed", *NAME).code == 0  # nothing to do
        assert stored().status == "KILLED"
        done(karl(stage, *NAME))
    assert stored().status == "FINISHED"
    assert stored().steps("ood_accuracy") == [0, 1]


def test_a_run_that_is_out_of_budget_can_go_on(shop: Path) -> None:
    answer = karl("run", *settings(shop, TRACKED, "budget.labels=12"), *NAME)
    assert answer.code == 3
    assert stored().status == "KILLED"
    done(karl("run", "budget.labels=null", *NAME))
    assert stored().status == "FINISHED"
    assert stored().steps("id_macro_f1") == ROUNDS


KILLED_AT = """
import os, signal, sys
from karl.cli.app import main
rename, left = os.replace, int(sys.argv.pop(1))
def replace(*arguments, **options):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*arguments, **options)
os.replace = replace
main()
"""


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_has_each_round_once(shop: Path) -> None:
    done(karl("run", *settings(shop), "--name", "untracked"))
    run = ("run", *settings(shop, TRACKED), *NAME)
    command = [sys.executable, "-c", KILLED_AT, "13", *run]
    kills = 0
    while (ended := subprocess.run(command, capture_output=True, check=False)).returncode:
        assert ended.returncode < 0, ended.stderr
        kills += 1
        found = stored()
        assert found.status == "RUNNING"
    assert kills > 1
    found = stored()
    assert found.status == "FINISHED"
    assert found.steps("id_macro_f1") == found.steps("n_llm") == ROUNDS
    assert results(RUN) == results(Path("runs/untracked"))


def test_an_error_fails_mlflows_run_until_it_is_resumed(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Run, "_write_metrics", write_until_the_disk_is_full())
        assert karl("run", *settings(shop, TRACKED), *NAME).code == 1
    assert stored().status == "FAILED"
    done(karl("run", *NAME))
    assert stored().status == "FINISHED"
    assert stored().steps("id_macro_f1") == ROUNDS


def write_until_the_disk_is_full() -> Any:
    write_metrics, count = Run._write_metrics, 0

    def write(run: Run) -> None:
        nonlocal count
        count += 1
        if count == 5:
            raise OSError("no space left on device")
        write_metrics(run)

    return write


class TestABrokenTracker:
    def test_costs_a_run_nothing_and_is_told_once(
        self, shop: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("MY_TOKEN", "hush-hush")

        def log_batch(*_: Any, **__: Any) -> None:
            raise RuntimeError("no route for hush-hush\nand more")

        with monkeypatch.context() as patch:
            patch.setattr("mlflow.tracking.MlflowClient.log_batch", log_batch)
            done(karl("run", *settings(shop, TRACKED), *NAME))
        (record,) = [record for record in caplog.records if record.name.startswith("karl.")]
        assert "RuntimeError: no route for [hidden]\n" in record.getMessage()
        assert len(rows()) == 2 * len(ROUNDS)
        done(karl("run", *NAME))
        assert stored().steps("id_macro_f1") == ROUNDS
        assert stored().status == "FINISHED"

    @pytest.mark.slow
    def test_warns_on_stderr(self, shop: Path) -> None:
        Path("runs").mkdir()
        Path("runs/mlflow.db").write_text("no database\n" * 100)
        answer = done(finish(start("run", *settings(shop, TRACKED, "budget.rounds=1"), *NAME)))
        assert answer.err.count("karl: the run goes on") == 1
        assert "Traceback" not in answer.err
        assert len(rows()) == 4

    @pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "sqlite:///nowhere/mlflow.db"])
    def test_is_an_error_before_a_run_is_made(
        self, uri: str, shop: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        answer = karl("run", *settings(shop, TRACKED, f"tracking.uri={uri}"), *NAME)
        assert answer.code == 2
        assert f"tracking.uri={uri}: " in answer.err
        assert not Path("runs").exists()


def test_where_and_what_is_reported_can_be_chosen(shop: Path) -> None:
    Path("elsewhere").mkdir()
    uri = f"sqlite:///{Path('elsewhere/all.db').resolve()}"
    more = (f"tracking.uri={uri}", "tracking.experiment=shops", "tracking.artefacts=false")
    done(karl("run", *settings(shop, TRACKED, "budget.rounds=0", *more), *NAME))
    found = stored("elsewhere/all.db", "shops")
    assert found.steps("id_macro_f1") == [0]
    assert not found.artefacts()
    assert {path.name for path in Path("elsewhere").iterdir()} == {"all.db", ".all.db.lock"}


@pytest.mark.slow
def test_runs_at_the_same_time_share_a_new_store(shop: Path) -> None:
    overrides = settings(shop, TRACKED, "budget.rounds=0")
    processes = [start("run", *overrides, "--name", name) for name in ("one", "two")]
    for process in processes:
        assert "the run goes on" not in done(finish(process)).err
    client = client_of("runs/mlflow.db")
    number = client.get_experiment_by_name("karl").experiment_id
    found = client.search_runs([number])
    assert {run.info.run_name for run in found} == {"one", "two"}
    assert {run.info.status for run in found} == {"FINISHED"}


def test_parameters_are_cut_and_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "very-secret")
    config = {"a": {"b": "x" * 9, "c": [1, None]}, "d": "very-secret", "tracking": {"uri": "x"}}
    found = parameters_of(config, 8)
    assert found == {"a.b": "x" * 8, "a.c": "[1, null", "d": "[hidden]"}


def test_an_undefined_metric_is_left_out() -> None:
    from karl.evaluation.record import MetricsRow

    values = dict.fromkeys(MetricsRow.__dataclass_fields__, 1.0) | {
        "eval_set": "ood",
        "diversity": float("nan"),
    }
    found = metrics_of(MetricsRow(**values))
    assert found["ood_macro_f1"] == found["n_llm"] == 1.0
    assert not {"diversity", "round", "fold", "seed"} & set(found)
