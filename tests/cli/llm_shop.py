"""The small shop labelled by a language model: a server on this machine that keeps a log."""

from __future__ import annotations

import csv
import json
import re
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli.small_shop import SMALL, done, karl
from llm.asking import rows
from llm.loopback import Loopback
from llm.loopback_answers import completion

A_ROUND = 12
"""Pairs that the small settings ask for, and calls: one brings all votes on a pair."""
ROUNDS = 3
VOTES = 3
PRICE_IN, PRICE_OUT = 0.15, 0.6
RUNS = Path("runs")
STORE = RUNS / "votes.sqlite"

Pair = tuple[str, str]

_TITLE = re.compile(r'"title": "([^"]+)"')


def model(url: str, *more: str) -> list[str]:
    """Return the overrides by which a model at a URL is the annotator."""
    return [
        "llm=vllm",
        "llm.model=small",
        f"llm.api_base={url}",
        f"llm.price_in_usd_per_mtok={PRICE_IN}",
        f"llm.price_out_usd_per_mtok={PRICE_OUT}",
        *more,
    ]


def plain(shop: Path, *more: str) -> list[str]:
    """Return the overrides of a small run on a shop, but for the annotator."""
    small = [part for part in SMALL if not part.startswith("llm=")]
    return ["data=tables", f"data.folder={shop}", *small, *more]


def asking(shop: Path, server: Loopback, *more: str) -> list[str]:
    """Return the overrides of a small run on a shop, labelled through a server."""
    return [*plain(shop), *model(server.url), *more]


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def votes_in(path: Path) -> dict[Pair, list[int]]:
    """Return the votes in a run's file, by ordered pair."""
    table = read(path)
    found = {
        (row["item_id_1"], row["item_id_2"]): [
            int(value) for name, value in row.items() if name.startswith("vote_")
        ]
        for row in table
    }
    assert len(found) == len(table)
    return found


def pairs_in(path: Path) -> list[Pair]:
    return [(row["item_id_1"], row["item_id_2"]) for row in read(path)]


def selected(folder: Path) -> set[Pair]:
    """Return all pairs that a run has sent to its annotator."""
    return {pair for file in folder.glob("rounds/*/selected.csv") for pair in pairs_in(file)}


def shown(text: str, shop: Path) -> list[Pair]:
    """Return the ordered pairs that a text shows; titles in the shop are all different."""
    id_of = {row["title"]: row["item_id"] for row in read(shop / "catalogue.csv")}
    ids = [id_of[title] for title in _TITLE.findall(text)]
    return list(zip(ids[::2], ids[1::2], strict=True))


def asked(log: Iterable[dict[str, Any]], shop: Path) -> list[Pair]:
    """Return the ordered pairs that requests asked about, one request after the other."""
    return [pair for entry in log for pair in shown(entry["text"], shop)]


def answers(log: Iterable[dict[str, Any]], shop: Path) -> dict[Pair, list[int]]:
    """Return the labels that the server answered, by ordered pair."""
    found: dict[Pair, list[int]] = {}
    for entry in log:
        (pair,) = shown(entry["text"], shop)
        choices = completion(entry["body"], entry["number"], seed=0)["choices"]
        labels = [json.loads(choice["message"]["content"])["label"] for choice in choices]
        assert found.setdefault(pair, labels) == labels
    return found


def metrics(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def spent(store: Path = STORE, account: str = "%") -> tuple[int, int, float]:
    """Return calls, tokens and dollars of the calls that count as spent."""
    query = (
        "SELECT count(*), total(tokens_in + tokens_out), total(cost_usd) FROM calls "
        "JOIN outcomes ON call = calls.id WHERE state != 'failed' AND account LIKE ?"
    )
    ((calls, tokens, cost),) = rows(store, query, account)
    return calls, int(tokens), cost


def wait_until(true: Callable[[], bool]) -> None:
    """Look again and again until something is true."""
    for _ in range(3000):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to pass within a minute")


@dataclass(frozen=True)
class Labelled:
    """A run of three rounds that nothing disturbed, and what the server saw of it."""

    runs: Path
    log: list[dict[str, Any]]

    @property
    def folder(self) -> Path:
        return self.runs / "whole"


@pytest.fixture(scope="session")
def labelled(
    shop: Path, loopback_process: Loopback, tmp_path_factory: pytest.TempPathFactory
) -> Labelled:
    """A runs folder with the run `whole` and its vote store; not to be changed."""
    loopback_process.reset()
    place = tmp_path_factory.mktemp("labelled")
    runs = place / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KARL_HOME", str(place / "home"))
        settings = asking(shop, loopback_process)
        done(karl("run", *settings, "--name", "whole", "--runs-dir", str(runs)))
    return Labelled(runs, loopback_process.log())


@pytest.fixture
def whole(labelled: Labelled, workplace: Path) -> Path:
    """A copy of that run in `runs/whole`, beside a copy of its vote store."""
    shutil.copytree(labelled.runs, RUNS)
    return RUNS / "whole"
