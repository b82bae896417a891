"""A real shop in four small files, the commands on it, and what a run leaves behind."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from karl.cli.app import main

KINDS = {
    "office": ("ballpoint pen", "ink refill", "paper clip"),
    "kitchen": ("coffee mug", "china saucer", "tea towel"),
}
GO_TOGETHER = ({"ballpoint pen", "ink refill"}, {"coffee mug", "china saucer"})
COLOURS = ("red", "blue", "green", "white")
N_EACH = 20
N_ID, N_OOD, N_VOTES = 150, 60, 400

SMALL = (
    "experiment=paper",
    "llm=replay",
    "encoder=tfidf_svd",
    "encoder.n_dims=16",
    "classifier.n_members=3",
    "classifier.tuning.trials=2",
    "classifier.tuning.folds=2",
    "split.n_folds=3",
    "sampler.per_category=2",
    "budget.rounds=3",
)
"""Settings with which a run takes about a second."""

Item = tuple[str, str, str, str, str]


def write_shop(folder: Path, n_votes: int = N_VOTES) -> Path:
    """Write a shop whose titles tell how items relate: 120 items, 610 pairs."""
    rng = random.Random(0)
    items = _items()
    pairs = rng.sample(list(combinations(items, 2)), k=4 * (N_ID + N_OOD + N_VOTES))
    pairs = [pair for pair in pairs if pair[0][2] == pair[1][2] or rng.random() < 0.15]
    human, voted = pairs[: N_ID + N_OOD], pairs[N_ID + N_OOD :][:n_votes]
    assert len(voted) == n_votes
    folder.mkdir(parents=True, exist_ok=True)
    columns = ("item_id", "title", "major_category", "fine_category", "price")
    write_csv(folder / "catalogue.csv", columns, items)
    ids = ("item_id_1", "item_id_2")
    labels = [(one[0], two[0], _answer(one, two, 0.9, rng)) for one, two in human]
    write_csv(folder / "pairs_id.csv", (*ids, "label"), labels[:N_ID])
    write_csv(folder / "pairs_ood.csv", (*ids, "label"), labels[N_ID:])
    votes = [(one[0], two[0], *_votes(one, two, rng)) for one, two in voted]
    write_csv(folder / "votes.csv", (*ids, "vote_1", "vote_2", "vote_3"), votes)
    return folder


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _items() -> list[Item]:
    items = []
    for major, kinds in KINDS.items():
        for kind in kinds:
            for number in range(N_EACH):
                title = f"{COLOURS[number % len(COLOURS)]} {kind} model {number:02d}"
                price = "" if number % 7 == 0 else f"{1 + number / 4:.2f}"
                items.append((f"{len(items):04d}", title, major, kind, price))
    return items


def _truth(one: Item, two: Item) -> int:
    if one[3] == two[3]:
        return 1
    return 2 if {one[3], two[3]} in GO_TOGETHER else 8


def _answer(one: Item, two: Item, care: float, rng: random.Random) -> int:
    return _truth(one, two) if rng.random() < care else rng.choice((1, 2, 8))


def _votes(one: Item, two: Item, rng: random.Random) -> list[int]:
    """Three votes, of which one in ten differs from the others."""
    opinion = _answer(one, two, 0.8, rng)
    last = 9 if rng.random() < 0.1 else opinion
    return [opinion, opinion, last]


def settings(shop: Path, *more: str) -> list[str]:
    """Return the overrides of a small run on a shop."""
    return ["data=tables", f"data.folder={shop}", *SMALL, *more]


@dataclass(frozen=True)
class Answer:
    """What a command printed and returned."""

    code: int
    out: str
    err: str


def karl(*arguments: str) -> Answer:
    """Call the command line inside this process."""
    out, err = io.StringIO(), io.StringIO()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with (
            mock.patch.object(sys, "argv", ["karl", *arguments]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            main()
    except SystemExit as stop:
        return Answer(int(stop.code or 0), out.getvalue(), err.getvalue())
    finally:
        signal.signal(signal.SIGTERM, handler)
    raise AssertionError("main always exits")


def done(answer: Answer) -> Answer:
    """Return what a command answered that had to succeed."""
    assert answer.code == 0, answer.err
    return answer


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the command line as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", "from karl.cli.app import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )


def finish(process: subprocess.Popen[str]) -> Answer:
    """Wait for a process that `start` started."""
    out, err = process.communicate()
    return Answer(process.returncode, out, err)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def results(folder: Path) -> dict[str, Any]:
    """Return all that must not depend on how a run was carried out.

    That is every file but timings, the copy of the budget, and what a killed
    process left behind: temporary files, whose names start with a dot.
    """
    files: dict[str, Any] = {
        name: content
        for name, content in snapshot(folder).items()
        if name.startswith(("seed/", "rounds/")) and not Path(name).name.startswith(".")
    }
    stages = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["stages"]
    files["stages"] = [(s["stage"], s["round"], s["artefacts"]) for s in stages]
    files["metrics.jsonl"] = list(metrics_without_seconds(folder))
    return files


def metrics_without_seconds(folder: Path) -> Iterator[str]:
    """Give each line of `metrics.jsonl` up to the timing, which stands last."""
    for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        start, separator, _ = line.rpartition(', "seconds":')
        assert separator
        yield start


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small shop; not to be changed."""
    return write_shop(tmp_path_factory.mktemp("data") / "shop")


@pytest.fixture(autouse=True)
def workplace(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty current folder; item vectors are shared by all tests of a session."""
    monkeypatch.setenv("KARL_HOME", str(tmp_path_factory.getbasetemp() / "home"))
    for variable in ("KARL_RUNS_DIR", "KARL_FBL_DIR", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path
