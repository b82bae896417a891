"""A sampler of one's own through `karl run`: one module, one YAML, nothing edited in karl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import farthest_first
import polars as pl
import pytest
from cli.small_shop import done, karl, results, settings
from farthest_first import FarthestFirst
from samplers.sampler_template import SamplerTemplate, pool_of

from karl.config.compose import compose_config
from karl.runs.directory import Run
from karl.runs.loop import STAGES
from karl.samplers import PastRound, Pool

OPTION = "# Unlike all that is labelled.\n_target_: farthest_first.FarthestFirst\nn: 10\n"
OWN = ("--config-dir", "own")
N_ROUNDS = 3


@pytest.fixture
def mine(workplace: Path, shop: Path) -> list[str]:
    """The overrides of a run with the sampler, which the folder `own` names."""
    (workplace / "own/sampler").mkdir(parents=True)
    (workplace / "own/sampler/farthest_first.yaml").write_text(OPTION)
    small = [part for part in settings(shop) if not part.startswith("sampler.")]
    return [*small, "sampler=farthest_first", "sampler.far=0.8"]


@pytest.fixture
def seen() -> Iterator[list[Pool]]:
    """The pools that the sampler is given, without those that only try it."""
    farthest_first.SEEN.clear()
    yield farthest_first.SEEN
    farthest_first.SEEN.clear()


class TestFarthestFirst(SamplerTemplate):
    samplers = FarthestFirst(), FarthestFirst(far=0), FarthestFirst(far=1)


def test_a_score_that_fell_shifts_the_mix() -> None:
    scores = [{"macro_f1": 0.5}, {"macro_f1": 0.6}, {"macro_f1": 0.4}, {"macro_f1": 0.3}]
    pool = pool_of()
    for falls, upto in enumerate([2, 3, 4]):
        past = [replace(pool.history[0], held_out=score) for score in scores[:upto]]
        share = FarthestFirst().share_of_far(replace(pool, history=past))
        assert share == 0.75 * 0.5**falls


def test_a_run_tells_it_what_became_of_earlier_rounds(mine: list[str], seen: list[Pool]) -> None:
    done(karl("run", *mine, "--name", "whole", *OWN))
    pools = [pool for pool in seen if len(pool) > 1]
    assert [pool.round for pool in pools] == [1, 2, 3]
    assert [pool.rounds_left for pool in pools] == [2, 1, 0]
    run = Run.load(Path("runs/whole"), config_dir=Path("own"))
    ids = run.experiment.dataset.catalogue.ids
    last = pools[-1]
    assert [past.number for past in last.history] == [1, 2]
    assert last.items is not None
    assert len(last.items.vectors.values) == len(ids)
    for past in last.history:
        check(past, ids)
    n_human = int(last.human.sum())
    assert n_human == len(run.experiment.sets.train)
    assert len(last.train) == n_human + sum(len(past.accepted) for past in last.history)


def check(past: PastRound, ids: pl.Series) -> None:
    """Assert that a past round is what its files hold."""
    folder = Path(f"runs/whole/rounds/{past.number:04d}")
    asked = pl.read_csv(folder / "selected.csv", infer_schema=False)
    assert ids.gather(past.asked[:, 0]).to_list() == asked["item_id_1"].to_list()
    assert ids.gather(past.asked[:, 1]).to_list() == asked["item_id_2"].to_list()
    assert len(past.asked) == 10
    labels = pl.read_csv("runs/whole/rounds/0002/labels.csv", infer_schema=False)
    of_round = labels.filter(pl.col("round") == str(past.number))
    assert past.accepted.labels.tolist() == of_round["label"].cast(pl.Int8).to_list()
    evaluation: dict[str, Any] = json.loads((folder / "evaluation.json").read_text())
    assert past.held_out == evaluation["held_out"]
    assert past.held_out is not None
    assert 0 < past.held_out["macro_f1"] <= 1
    assert {"accuracy", "f1_complementary", "f1_substitute", "f1_unrelated"} < set(past.held_out)


def test_stage_by_stage_it_is_as_in_one_go(mine: list[str]) -> None:
    done(karl("run", *mine, "--name", "whole", *OWN))
    done(karl("seed", *mine, "--name", "steps", *OWN))
    for _ in range(N_ROUNDS):
        for stage in list(STAGES)[1:]:
            done(karl(stage, "--name", "steps", *OWN))
    assert results(Path("runs/steps")) == results(Path("runs/whole"))


@pytest.mark.parametrize("stage", ["select", "evaluate"])
def test_interrupted_it_goes_on_to_the_same_end(
    stage: str, mine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done(karl("run", *mine, "--name", "whole", *OWN))
    carry_out = STAGES[stage]

    def interrupted(experiment: Any, artefacts: Any, number: int) -> Any:
        written = carry_out(experiment, artefacts, number)
        if number == 2:
            raise KeyboardInterrupt
        return written

    with monkeypatch.context() as patch:
        patch.setitem(STAGES, stage, interrupted)
        assert karl("run", *mine, "--name", "cut", *OWN).code == 130
    done(karl("run", "--name", "cut", *OWN))
    assert results(Path("runs/cut")) == results(Path("runs/whole"))


def test_its_options_are_checked_like_any_other(mine: list[str]) -> None:
    answer = karl("run", *mine, "sampler.far=2", *OWN)
    assert answer.code == 2
    assert "sampler.far: Input should be less than or equal to 1, not 2" in answer.err
    config = compose_config(mine, Path("own"))["sampler"]
    assert config == {"_target_": "farthest_first.FarthestFirst", "n": 10, "far": 0.8, "shift": 0.5}
