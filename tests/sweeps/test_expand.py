"""From overrides with several values to jobs."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from karl.config.compose import combinations, compose_config
from karl.errors import ConfigError
from karl.sweeps.plan import divide, expand

EXPERIMENT = """\
# @package _global_
defaults:
  - override /sampler: qbc
hydra:
  sweeper:
    params:
      split.fold: range(0,3)
      seed: 1,2
"""


def test_every_combination_is_a_job_and_the_last_value_varies_fastest() -> None:
    jobs = expand(["sampler=random,margin", "split.fold=range(0,3)", "budget.rounds=2"])
    samplers = [job.config["choices"]["sampler"] for job in jobs]
    folds = [job.config["split"]["fold"] for job in jobs]
    expected = list(product(("random", "margin"), range(3)))
    assert list(zip(samplers, folds, strict=True)) == expected
    assert {job.config["budget"]["rounds"] for job in jobs} == {2}
    assert jobs[1].own == ("sampler=random", "split.fold=1")


def test_a_job_is_what_a_run_with_its_overrides_is() -> None:
    for job in expand(["sampler=qbc,entropy", "seed=3"]):
        assert job.config == compose_config(job.overrides)


def test_keys_that_no_option_mentions_can_have_several_values() -> None:
    jobs = expand(["sampler.cap=1,2", "encoder.parts.names.min_df=range(1,3)"])
    found = [
        (j.config["sampler"]["cap"], j.config["encoder"]["parts"]["names"]["min_df"]) for j in jobs
    ]
    assert found == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_names_tell_configurations_apart_and_nothing_else() -> None:
    jobs = expand(["sampler=random,margin", "seed=1,2"])
    again = expand(["seed=2,1", "sampler=margin,random"])
    assert len({job.name for job in jobs}) == 4
    assert {job.name for job in again} == {job.name for job in jobs}
    # More rounds go on with the same run, unless numbers of rounds are compared.
    longer = expand(["sampler=random,margin", "seed=1,2", "budget.rounds=20"])
    assert {job.name for job in longer} == {job.name for job in jobs}
    compared = expand(["sampler=random", "seed=1", "budget.labels=10,20"])
    assert len({job.name for job in compared}) == 2


def test_equal_jobs_are_one() -> None:
    assert len(expand(["seed=1,2,1"])) == 2


def test_an_experiment_brings_values_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(EXPERIMENT)
    jobs = expand(["experiment=mine"], tmp_path)
    assert len(jobs) == 6
    assert {job.config["choices"]["sampler"] for job in jobs} == {"qbc"}
    fewer = expand(["experiment=mine", "seed=7"], tmp_path)
    assert [(job.config["seed"], job.config["split"]["fold"]) for job in fewer] == [
        (7, 0),
        (7, 1),
        (7, 2),
    ]
    plain = expand(["sampler=qbc", "split.fold=range(0,3)", "seed=1,2"])
    assert {job.name for job in plain} == {job.name for job in jobs}


@pytest.mark.parametrize("name", ["fbl_names", "fbl_cards", "demo"])
def test_the_study_is_four_strategies_on_five_folds_with_three_seeds(name: str) -> None:
    swept, jobs = combinations([f"experiment={name}"])
    assert swept == {"sampler", "split.fold", "seed"}
    wanted = {
        (f"sampler={sampler}", f"split.fold={fold}", f"seed={seed}", f"experiment={name}")
        for sampler, fold, seed in product(
            ("random", "margin", "entropy", "qbc"), range(5), (1, 2, 3)
        )
    }
    assert {tuple(job) for job in jobs} == wanted
    assert len(jobs) == len(wanted)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("sampler=random,margn", "sampler=margn:\nsampler=margn: there is no such sampler"),
        ("seeed=1,2", "seeed=1:\nthere is no configuration key 'seeed'"),
        (
            "sampler.per_categry=1,2",
            "sampler.per_categry=1:\nthere is no configuration key 'sampler.per_categry'",
        ),
        ("seed=interval(1,3)", "seed=interval(1,3): the values of a sweep must be listed"),
        ("seed=1,", "'seed=1,' is no override"),
    ],
)
def test_errors_name_the_job(override: str, told: str) -> None:
    with pytest.raises(ConfigError) as found:
        expand([override])
    assert str(found.value).startswith(told)


def test_what_is_hydras_own_is_no_part_of_a_run() -> None:
    own, of_hydra = divide(["sampler=qbc", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"])
    assert own == ["sampler=qbc"]
    assert of_hydra == ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
