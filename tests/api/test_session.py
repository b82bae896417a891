"""Experiments from Python: the same as by the command line, in one go or by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import polars as pl
import pytest
from cli.small_shop import done, metrics_without_seconds, results, settings
from cli.small_shop import karl as command
from pydantic.dataclasses import dataclass
from strategies import settings_of

import karl
from karl.config.build import GROUPS, build_strategy
from karl.config.compose import group_options
from karl.errors import BudgetExhausted, ConfigError, DataError, UsageError
from karl.evaluation.record import MetricsRow
from karl.runs.loop import STAGES
from karl.samplers import Pool, Sampler

A_ROUND = 12
"""Pairs that the small settings ask for: two in each of six fine categories."""


def rows(metrics: pl.DataFrame) -> list[str]:
    """The lines of `metrics.jsonl`, up to the timing."""
    lines = [MetricsRow(**row).to_json() for row in metrics.iter_rows(named=True)]
    return [line.rpartition(', "seconds":')[0] for line in lines]


@dataclass(frozen=True)
class First(Sampler):
    """Takes what comes first in the catalogue; remembers nothing."""

    n: int = 5

    def query(self, pool: Pool) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.lexsort(pool.pairs.T[::-1])[: self.n]


# The same everywhere.


def test_in_memory_it_is_as_by_the_command_line(shop: Path, whole: Path) -> None:
    exp = karl.experiment(*settings(shop)).run()
    assert rows(exp.metrics) == list(metrics_without_seconds(whole))
    assert exp.folder is None
    assert not Path("runs/votes.sqlite").exists()


def test_in_a_folder_it_is_as_by_the_command_line(shop: Path, whole: Path) -> None:
    exp = karl.experiment(*settings(shop), name="mine")
    assert exp.run().folder == Path("runs/mine").absolute()
    assert results(Path("runs/mine")) == results(whole)
    assert rows(exp.metrics) == list(metrics_without_seconds(whole))


def test_every_step_by_hand_is_as_in_one_go(shop: Path, whole: Path) -> None:
    exp = karl.experiment(*settings(shop)).seed()
    for _ in range(3):
        chosen = exp.sampler.query(exp.candidates())
        exp.select(chosen).label().train().evaluate()
    assert rows(exp.metrics) == list(metrics_without_seconds(whole))


def test_rounds_begin_with_the_seed(shop: Path, whole: Path) -> None:
    exp = karl.experiment(*settings(shop)).round()
    assert exp.metrics["round"].unique().sort().to_list() == [0, 1]
    exp.round().round()
    assert exp.next == "all rounds are done"
    assert exp.round().run().select() is exp
    assert rows(exp.metrics) == list(metrics_without_seconds(whole))


def test_a_folder_goes_on_by_the_same_call_and_by_the_command_line(shop: Path, whole: Path) -> None:
    karl.experiment(*settings(shop), name="mine").round()
    exp = karl.experiment(*settings(shop), name="mine")
    assert exp.next == "select of round 2"
    assert exp.select().label().next == "train of round 2"
    done(command("run", "--name", "mine"))
    assert results(Path("runs/mine")) == results(whole)
    assert exp.next == "all rounds are done"
    assert exp.labels.height == karl.experiment(name="mine").labels.height


def test_limits_of_a_folder_are_raised_by_its_name(shop: Path, whole: Path) -> None:
    karl.experiment(*settings(shop, "budget.rounds=1"), name="mine").run()
    exp = karl.experiment("budget.rounds=3", name="mine")
    assert exp.next == "select of round 2"
    assert rows(exp.run().metrics) == list(metrics_without_seconds(whole))


def test_a_session_does_not_depend_on_the_current_folder(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exp = karl.experiment(*settings(shop), name="mine")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert exp.seed().folder == tmp_path / "runs/mine"
    assert list(Path().iterdir()) == []


def test_what_is_read_back_from_a_folder_is_what_there_was_in_memory(shop: Path) -> None:
    overrides = settings(shop, "budget.rounds=1")
    one, two = (karl.experiment(*overrides, name=name).run() for name in (None, "mine"))
    pairs = [("0000", "0001"), ("0000", "0119")]
    assert np.array_equal(one.model.predict_proba(pairs), two.model.predict_proba(pairs))
    assert one.labels.equals(two.labels)
    assert np.array_equal(one.candidates().pairs, two.candidates().pairs)


def test_choices_are_options_by_name_values_or_objects(shop: Path) -> None:
    overrides = settings(shop)
    exp = karl.experiment(*overrides, sampler="random", seed=np.int64(7))
    assert exp.experiment.choices["sampler"] == "random"
    assert exp.experiment.seed == 7
    same = karl.experiment(*overrides, "sampler=random", "seed=7")
    assert exp.experiment.sampler == same.experiment.sampler
    assert karl.experiment(**{"data": "tables", "data.folder": shop}).dataset.name == shop.name


def test_a_sampler_of_ones_own_is_taken_as_it_is(shop: Path) -> None:
    mine = First(n=3)
    exp = karl.experiment(*settings(shop), sampler=mine).run()
    assert exp.sampler is mine
    assert exp.metrics["sampler"].unique().to_list() == ["first"]
    assert exp.metrics["llm_calls"].to_list()[::2] == [0, 9, 18, 27]


# What there is to look at.


def test_metrics_have_their_columns_from_the_beginning(shop: Path) -> None:
    exp = karl.experiment(*settings(shop))
    assert exp.metrics.height == 0
    before = exp.metrics.schema
    assert exp.seed().metrics.schema == before
    assert before["macro_f1"] == pl.Float64
    assert exp.metrics["eval_set"].to_list() == ["id", "ood"]


def test_labels_are_those_that_are_accepted(shop: Path) -> None:
    exp = karl.experiment(*settings(shop)).seed()
    assert exp.labels.height == 0
    before = exp.labels.schema
    exp.round()
    assert exp.labels.schema == before
    assert exp.labels.height == exp.metrics["n_llm"].to_list()[-1]
    assert set(exp.labels["relation"]) <= set(exp.model.relations)
    assert set(exp.labels["round"]) == {1}


def test_it_says_what_it_is_and_what_comes_next(shop: Path) -> None:
    exp = karl.experiment(*settings(shop, "budget.rounds=1"))
    assert repr(exp) == (
        "<karl experiment in memory: data=tables, sampler=margin, llm=replay; "
        "next: seed of round 0>"
    )
    exp.seed().select()
    assert repr(exp).endswith("next: label of round 1>")
    assert repr(exp.model) == "<karl model: bagging>"


def test_a_model_takes_ids(shop: Path) -> None:
    model = karl.experiment(*settings(shop)).seed().model
    assert model.relations == ("complementary", "substitute", "unrelated")
    found = model.predict_proba([("0000", "0001"), ("0001", "0000")])
    assert (found.shape, found.dtype) == ((2, 3), np.float64)
    assert found.sum(axis=1) == pytest.approx(1)
    assert model.predict([("0000", "0001")]) == [model.relations[found[0].argmax()]]
    assert model.predict_proba([]).shape == (0, 3)
    assert model.predict_proba(np.array([["0000", "0001"]])) == pytest.approx(found[:1])


# Choices by hand.


def test_pairs_chosen_by_hand_are_labelled(shop: Path) -> None:
    exp = karl.experiment(*settings(shop)).seed()
    pool = exp.candidates()
    exp.select([4, 0]).label().train().evaluate()
    asked = exp.candidates().history[0].asked
    assert np.array_equal(asked, pool.pairs[[4, 0]])
    assert exp.metrics["llm_calls"].to_list()[-1] == 2 * 3
    assert len(exp.candidates()) == len(pool) - 2


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ([], "no pair is chosen"),
        ([[0, 1]], "no positions in the pool"),
        ([True, False], "no positions in the pool"),
        ([0.5], "no positions in the pool"),
        ([0, 400], "position 400 is none of the 400 candidates"),
        ([-1], "position -1 is none"),
        ([3, 1, 3], "position 3 is chosen more than once"),
        (range(21), "21 pairs are chosen, and the budget leaves 20"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(chosen: Any, message: str, shop: Path) -> None:
    exp = karl.experiment(*settings(shop, "budget.labels_per_round=20")).seed()
    with pytest.raises(UsageError, match=message):
        exp.select(chosen)
    assert exp.next == "select of round 1"


@pytest.mark.parametrize(
    ("chosen", "message"),
    [([[0]], "no positions"), ([1, 1], "position 1 is chosen more"), ([400], "position 400")],
)
def test_a_sampler_that_chooses_what_cannot_be_is_told(
    chosen: list[int], message: str, shop: Path
) -> None:
    @dataclass(frozen=True)
    class Wrong(Sampler):
        def query(self, pool: Pool) -> Any:
            return chosen if len(pool) > 1 else []

    exp = karl.experiment(*settings(shop), sampler=Wrong()).seed()
    with pytest.raises(UsageError, match=f"sampler=wrong: .*{message}"):
        exp.round()
    assert exp.next == "select of round 1"


def test_rounds_by_hand_may_go_beyond_the_last(shop: Path) -> None:
    exp = karl.experiment(*settings(shop, "budget.rounds=0")).run()
    assert exp.next == "all rounds are done"
    exp.select(range(3)).round()
    assert exp.metrics["round"].max() == 1
    assert exp.next == "all rounds are done"


# Ends.


def test_a_pool_may_be_exhausted(shop: Path) -> None:
    exp = karl.experiment(*settings(shop, "budget.rounds=9", "sampler.per_category=200")).run()
    assert exp.next == "no candidate is left to select"
    assert len(exp.candidates()) == 0
    rounds = exp.metrics["round"].max()
    assert exp.round().metrics["round"].max() == rounds


def test_a_label_budget_ends_it(shop: Path) -> None:
    exp = karl.experiment(*settings(shop, "budget.labels=20"))
    for do in (exp.run, exp.round, exp.select):
        with pytest.raises(BudgetExhausted, match="label budget"):
            do()
    assert exp.next == "the label budget is used up"
    assert exp.metrics["llm_calls"].max() == 3 * 20
    assert exp.candidates().labels_left == 0
    with pytest.raises(UsageError, match="the budget leaves 0"):
        exp.select([0])


@pytest.mark.parametrize("stage", list(STAGES))
def test_an_interrupted_round_goes_on(
    stage: str, shop: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exp = karl.experiment(*settings(shop))
    carry_out, calls = STAGES[stage], []

    def interrupted(*arguments: Any) -> Any:
        written = carry_out(*arguments)
        calls.append(arguments[-1])
        if len(calls) == 1:  # what it made is there, and not yet recorded
            raise KeyboardInterrupt
        return written

    monkeypatch.setitem(STAGES, stage, interrupted)
    with pytest.raises(KeyboardInterrupt):
        exp.round()
    exp.round()
    assert calls[0] == calls[1]
    assert exp.run().metrics["round"].max() == 3
    assert rows(exp.metrics) == list(metrics_without_seconds(whole))


# Errors.


def problem(error: pytest.ExceptionInfo[BaseException]) -> str:
    return str(error.value)


def test_objects_are_for_groups_that_there_are(shop: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no group 'samplr'(.|\n)*sampler"):
        karl.experiment(samplr=First())
    with pytest.raises(ConfigError, match="samplr"):
        karl.experiment(samplr="random")
    with pytest.raises(UsageError, match=r"First is a class(.|\n)*sampler=First\(\)"):
        karl.experiment(sampler=First)
    with pytest.raises(UsageError, match=r"consensus: an object of First(.|\n)*karl.*Consensus"):
        karl.experiment(consensus=First())
    with pytest.raises(UsageError, match=r"split: an object of First is none(.|\n)*'divide'"):
        karl.experiment(split=First())
    with pytest.raises(UsageError, match=r"karl\.load_data"):
        karl.experiment(data=pl.DataFrame())


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_could_be_given_as_an_object(group: str, shop: Path) -> None:
    for option in group_options()[group]:
        made = build_strategy(group, settings_of(group, option))
        exp = karl.experiment(*settings(shop), **{group: made})
        assert getattr(exp.experiment, group) is made


def test_a_folder_takes_no_object(shop: Path) -> None:
    with pytest.raises(UsageError, match=r"sampler: a run's folder(.|\n)*leave out `name`"):
        karl.experiment(*settings(shop), sampler=First(), name="mine")
    assert not Path("runs").exists()


def test_a_folder_takes_no_choice_by_hand(shop: Path) -> None:
    exp = karl.experiment(*settings(shop), name="mine").seed()
    with pytest.raises(UsageError, match=r"its sampler's(.|\n)*`name`"):
        exp.select([0])


def test_a_folder_with_another_configuration_is_refused(shop: Path) -> None:
    karl.experiment(*settings(shop), name="mine")
    with pytest.raises(ConfigError, match="seed: 0 → 5"):
        karl.experiment(*settings(shop), name="mine", seed=5)


def test_an_unknown_item_is_named_with_its_position(shop: Path) -> None:
    model = karl.experiment(*settings(shop)).seed().model
    with pytest.raises(DataError, match="pair 1: there is no item 'x' in the catalogue"):
        model.predict_proba([("0000", "0001"), ("0002", "x"), ("y", "0000")])
    for wrong in [("0000", "0001")], [("0000",)], ["0000"]:
        pairs = wrong[0] if len(wrong[0]) == 2 else wrong
        with pytest.raises(DataError, match=r"pair 0: .* is no pair of item ids"):
            model.predict_proba(pairs)


def test_there_are_candidates_before_a_selection_only(shop: Path) -> None:
    exp = karl.experiment(*settings(shop))
    for do in (exp.candidates, lambda: exp.select([0])):
        with pytest.raises(UsageError, match=r"next is 'seed' of round 0(.|\n)*exp\.seed\(\)"):
            do()
    exp.seed().select()
    with pytest.raises(UsageError, match=r"next is 'label' of round 1(.|\n)*exp\.round\(\)"):
        exp.candidates()


def test_there_is_no_model_before_the_seed(shop: Path) -> None:
    exp = karl.experiment(*settings(shop))
    with pytest.raises(UsageError, match=r"no model is fitted yet(.|\n)*exp\.seed\(\)"):
        _ = exp.model


def test_a_stage_waits_for_those_before_it(shop: Path) -> None:
    exp = karl.experiment(*settings(shop))
    with pytest.raises(UsageError, match=r"wait for stage 'seed' of round 0(.|\n)*exp\.seed\(\)"):
        exp.label()
    exp.seed()
    with pytest.raises(UsageError, match=r"wait for stage 'select'(.|\n)*exp\.select\(\)"):
        exp.train()
    assert exp.seed() is exp


def test_what_rounds_cannot_do_is_said_before_anything_is_done(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> NoReturn:
        raise AssertionError

    for stage in STAGES:
        monkeypatch.setitem(STAGES, stage, never)
    unbounded = karl.experiment(*settings(shop, "sampler.per_category=null"))
    unrecorded = karl.experiment(*settings(shop, "candidates=stratified"))
    for exp in (unbounded, unrecorded):
        for do in (exp.run, exp.round):
            with pytest.raises(ConfigError):
                do()


def test_tracking_is_for_folders(shop: Path) -> None:
    with pytest.raises(UsageError, match=r"tracking=mlflow(.|\n)*`name`"):
        karl.experiment(*settings(shop), tracking="mlflow")


def test_a_run_in_a_folder_is_told_to_its_tracker(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import nullcontext

    from karl.runs.loop import Step
    from karl.tracking.none import NoTracking

    told: list[Step] = []

    class Listener:
        def started(self, step: Step) -> None: ...

        def finished(self, step: Step) -> None:
            told.append(step)

    monkeypatch.setattr(NoTracking, "follow", lambda *_: nullcontext(Listener()))
    karl.experiment(*settings(shop, "budget.rounds=1"), name="mine").seed().run()
    assert [step.stage for step in told] == ["seed", "evaluate", *list(STAGES)[1:]]


def test_each_experiment_in_memory_has_a_budget_of_its_own(shop: Path) -> None:
    one, two = (karl.experiment(*settings(shop)).experiment.account for _ in range(2))
    assert one.name != two.name
    assert one.store == two.store


def test_a_run_writes_the_options_of_its_choices(shop: Path) -> None:
    karl.experiment(*settings(shop), sampler="random", seed=3, name="mine")
    manifest = json.loads(Path("runs/mine/manifest.json").read_text())
    assert manifest["choices"]["sampler"] == "random"
    assert manifest["seed"] == 3


def test_features_without_their_cards_are_found_before_anything_is_made(shop: Path) -> None:
    with pytest.raises(ConfigError, match="item cards"):
        karl.experiment(*settings(shop), "features=relations").experiment.check()
