"""A run whose mix of pairs changes from round to round, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

from cli.small_shop import done, karl, results, settings

NAMES = {"share", "explored", "complementary", "substitute", "margin"} | {
    f"predicted_{name}" for name in ("complementary", "substitute", "unrelated")
}


def test_a_dynamic_run_keeps_the_mix_of_each_round(workplace: Path, shop: Path) -> None:
    small = [part for part in settings(shop) if not part.startswith("sampler.")]
    small = [*small, "sampler=dynamic", "candidates=recorded", "budget.rounds=2"]
    small.append("budget.labels_per_round=20")
    for name in ("one", "two"):
        done(karl("run", *small, "--name", name))
    mixes = [
        json.loads(Path(f"runs/one/rounds/{n:04d}/selection.json").read_text()) for n in (1, 2)
    ]
    assert all(mix.keys() == NAMES for mix in mixes)
    assert mixes[0]["share"] == 0.9
    assert mixes[0]["complementary"] == 0.4
    assert results(Path("runs/one")) == results(Path("runs/two"))
