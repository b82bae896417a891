"""The same figures on every processor: kernels of matrix products and vector units change none.

A processor is played by the kernels of another one, which OpenBLAS and numpy can be told to take.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.small_shop import Answer, done, finish, metrics_without_seconds, snapshot, start

pytestmark = pytest.mark.slow

NEW, OLD = "Haswell", "Prescott"
NAME = "figures"
SHOP = (*("data.items=600", "data.id_pairs=300", "data.ood_pairs=150"), "budget.rounds=3")
PAPER = (
    *("experiment=paper", "encoder=tfidf_svd", "encoder.n_dims=48"),
    *("classifier.tuning.trials=4", "classifier.tuning.folds=3"),
)
DEMO = (*SHOP, *PAPER)
KERNEL_OF_NUMPY = """
import numpy, threadpoolctl
for library in threadpoolctl.threadpool_info():
    if library["user_api"] == "blas" and "numpy" in library["filepath"].rsplit("site-packages")[-1]:
        print(library["internal_api"], library["version"], library["architecture"])
"""


def environment(kernel: str) -> dict[str, str]:
    """Return what makes a process compute as on a processor that has this kernel."""
    variables = {"OPENBLAS_CORETYPE": kernel}
    if kernel == OLD:
        # numpy's own loops too: all vector units that it would choose from.
        found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
        variables["NPY_DISABLE_CPU_FEATURES"] = " ".join(found)
    return variables


def kernel_used(kernel: str) -> str:
    """Return the library and kernel that numpy takes in a process with this environment."""
    process = subprocess.run(
        [sys.executable, "-c", KERNEL_OF_NUMPY],
        env=os.environ | environment(kernel),
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stderr == ""
    return process.stdout.strip()


@pytest.fixture(scope="module")
def blas() -> dict[str, str]:
    """Library and kernel by the name that asks for it."""
    used = {kernel: kernel_used(kernel) for kernel in (NEW, OLD)}
    if not all(name.startswith("openblas ") for name in used.values()):
        pytest.skip("numpy's matrix products are not OpenBLAS's")
    if len(set(used.values())) < 2:
        pytest.skip(f"this OpenBLAS has one kernel: {used[NEW]}")
    return used


def karl_on(kernel: str, command: str, *overrides: str, home: str | None = None) -> Answer:
    """Call a command as on another processor; runs, vectors and hyperparameters are its own."""
    place = Path(home or kernel).absolute()
    place.mkdir(exist_ok=True)
    arguments = (command, *overrides, "--name", NAME, "--runs-dir", str(place / "runs"))
    variables = environment(kernel) | {"KARL_HOME": str(place / "home")}
    return done(finish(start(*arguments, **variables)))


def figures(home: str) -> dict[str, Any]:
    """Return what must not differ by a byte; models differ in bits that show nowhere."""
    folder = Path(home) / "runs" / NAME
    names = ("selected.csv", "votes.csv", "labels.csv", "evaluation.json", "hyperparameters.json")
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for name in names
        for path in sorted(folder.rglob(name))
    }
    assert len([name for name in files if name.endswith("selected.csv")]) == 3
    return files | {"metrics.jsonl": list(metrics_without_seconds(folder))}


def machines(home: str) -> list[str]:
    """Return the kernels that a run's manifest names."""
    manifest = json.loads((Path(home) / "runs" / NAME / "manifest.json").read_text())
    assert manifest["same_everywhere"] is True
    return [machine["blas"] for machine in manifest["machines"]]


def vectors(home: str) -> bytes:
    (file,) = (Path(home) / "home/vectors").glob("*.npy")
    return file.read_bytes()


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param((), id="default"),
        pytest.param(PAPER, id="paper"),
        pytest.param((*PAPER, "sampler=qbc"), id="qbc"),
    ],
)
def test_kernels_change_no_figure(chosen: tuple[str, ...], blas: dict[str, str]) -> None:
    for kernel in (NEW, OLD):
        karl_on(kernel, "run", *SHOP, *chosen)
    assert figures(NEW) == figures(OLD)
    assert vectors(NEW) == vectors(OLD)
    assert [machines(NEW), machines(OLD)] == [[blas[NEW]], [blas[OLD]]]


def test_a_run_goes_on_elsewhere_with_the_same_figures_and_says_so(blas: dict[str, str]) -> None:
    karl_on(NEW, "run", *DEMO)
    moved = "moved"
    for command in ("round", "select"):
        assert karl_on(NEW, command, *DEMO, home=moved).err.count("karl: ") == 0
    answer = karl_on(OLD, "run", *DEMO, home=moved)
    told = [line for line in answer.err.splitlines() if line.startswith("karl: ")]
    assert len(told) == 1
    assert told[0].startswith(f"karl: the run '{NAME}' was worked on with ")
    assert f"({blas[NEW]}) before and goes on with " in told[0]
    assert told[0].endswith(f"({blas[OLD]}); its figures do not depend on that")
    assert figures(moved) == figures(NEW)
    assert machines(moved) == [blas[NEW], blas[OLD]]
    # Nothing is computed any more, wherever the command is given.
    before = snapshot(Path(moved) / "runs" / NAME)
    assert "worked on with" not in karl_on(NEW, "run", *DEMO, home=moved).err
    assert snapshot(Path(moved) / "runs" / NAME) == before
