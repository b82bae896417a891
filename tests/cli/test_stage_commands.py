from __future__ import annotations

from pathlib import Path

import pytest
from cli.small_shop import done, karl, results, settings, snapshot

NAME = ("--name", "steps")
RUN = Path("runs/steps")
ORDER = ("seed", "select", "label", "train", "evaluate")


@pytest.mark.parametrize("n_done", [1, 2, 3, 4])
def test_a_stage_out_of_order_is_refused_with_the_one_to_come(n_done: int, shop: Path) -> None:
    done(karl("seed", *settings(shop), *NAME))
    for stage in ORDER[1:n_done]:
        done(karl(stage, *NAME))
    before = results(RUN)
    coming = ORDER[n_done]
    for stage in ORDER[n_done + 1 :]:
        if (coming, stage) == ("select", "evaluate"):
            continue  # the seed includes it: nothing to do
        answer = karl(stage, *NAME)
        assert answer.code == 2
        assert answer.out == ""
        assert answer.err == (
            f"karl: stage '{stage}' of the run 'steps' has to wait for stage '{coming}' "
            f"of round 1\nRun: karl {coming} --name steps\n"
        )
    assert results(RUN) == before


def test_a_stage_that_was_done_is_not_done_again(shop: Path) -> None:
    for position, stage in enumerate(ORDER):
        overrides = settings(shop) if stage == "seed" else []
        assert done(karl(stage, *overrides, *NAME)).out == f"Stage '{stage}' of {RUN} is done.\n"
        before = snapshot(RUN)
        coming = (*ORDER[1:], "select")[position]
        answer = done(karl(stage, *overrides, *NAME))
        assert answer.out.startswith(f"Nothing to do: next is stage '{coming}' of round ")
        assert snapshot(RUN) == before


def test_the_seed_stage_includes_its_evaluation(shop: Path) -> None:
    answer = done(karl("seed", *settings(shop), *NAME))
    assert answer.err.startswith("seed: 0 LLM labels  ID 0.")
    assert (RUN / "seed/evaluation.json").exists()
    assert "next is stage 'select' of round 1" in done(karl("evaluate", *NAME)).out


def test_after_the_last_round_there_is_nothing_to_do(shop: Path) -> None:
    done(karl("run", *settings(shop, "budget.rounds=1"), *NAME))
    before = snapshot(RUN)
    for command in (*ORDER, "round"):
        assert done(karl(command, *NAME)).out.startswith("Nothing to do: all rounds are done.\n")
    assert snapshot(RUN) == before


@pytest.mark.parametrize("stage", ORDER[1:])
def test_a_stage_of_a_run_that_is_not_there_lists_those_that_are(stage: str, shop: Path) -> None:
    answer = karl(stage, *NAME)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "karl: there is no run 'steps' in runs\nStart one: karl run\n"
    for name in ("b", "a"):
        done(karl("seed", *settings(shop), "--name", name))
    for arguments in (NAME, (*settings(shop), *NAME)):
        answer = karl(stage, *arguments)
        assert answer.code == 2
        assert answer.err == "karl: there is no run 'steps' in runs\nThere are: a, b.\n"
    assert not RUN.exists()


def test_a_round_is_what_is_left_of_one(shop: Path) -> None:
    done(karl("round", *settings(shop), *NAME))
    done(karl("select", *NAME))
    assert "round 2/3: " in done(karl("round", *NAME)).err
    assert not (RUN / "rounds/0003").exists()
