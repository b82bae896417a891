from __future__ import annotations

import json
import re
import shutil
from dataclasses import fields
from itertools import product
from pathlib import Path

import pytest
import yaml
from cli.small_shop import Answer, done, karl, settings, snapshot

from karl.config.compose import compose_config
from karl.evaluation.record import MetricsRow
from karl.files import hash_file
from karl.version import __version__

NAME = ("--name", "mine")
RUN = Path("runs/mine")
CONTRACT = (
    "round eval_set fold seed sampler llm n_human n_llm n_train macro_f1 accuracy "
    "precision_macro recall_macro f1_complementary f1_substitute f1_unrelated diversity "
    "llm_calls llm_tokens_in llm_tokens_out llm_cost_usd seconds"
)
OF_A_ROUND = (
    "selected.csv",
    "votes.csv",
    "usage.json",
    "labels.csv",
    "model/linear.safetensors",
    "predictions.parquet",
    "evaluation.json",
)


def failing(*arguments: str) -> Answer:
    """Call a command that must end with one message and change nothing."""
    before = snapshot(RUN)
    answer = karl(*arguments)
    assert answer.code in (1, 2)
    assert answer.err.count("karl: ") == 1
    assert "Traceback" not in answer.err
    assert snapshot(RUN) == before
    return answer


def test_a_run_consists_of_these_files(in_one_go: Path) -> None:
    rounds = {f"rounds/{n:04d}/{file}" for n, file in product((1, 2, 3), OF_A_ROUND)}
    seed = {"hyperparameters.json", *OF_A_ROUND[4:]}
    assert set(snapshot(in_one_go)) == rounds | {f"seed/{file}" for file in seed} | {
        ".lock",
        "config.yaml",
        "manifest.json",
        "metrics.jsonl",
        "report/learning_curve.png",
    }


def test_every_file_can_be_read_by_others(in_one_go: Path) -> None:
    modes = {path.stat().st_mode & 0o777 for path in in_one_go.rglob("*.[jycps]*")}
    assert modes <= {0o644, 0o755}


def test_the_configuration_is_kept_resolved(in_one_go: Path, shop: Path) -> None:
    config = yaml.safe_load((in_one_go / "config.yaml").read_text())
    assert config == compose_config(settings(shop))
    assert config["choices"]["sampler"] == "margin"


def test_metrics_have_a_row_for_each_round_and_set_with_the_fields_in_order(
    in_one_go: Path,
) -> None:
    rows = [json.loads(line) for line in (in_one_go / "metrics.jsonl").read_text().splitlines()]
    assert " ".join(field.name for field in fields(MetricsRow)) == CONTRACT
    assert [" ".join(row) for row in rows] == [CONTRACT] * 8
    assert [(row["round"], row["eval_set"]) for row in rows] == list(
        product(range(4), ("id", "ood"))
    )
    for row in rows:
        assert row["n_train"] == row["n_human"] + row["n_llm"]
        assert (row["fold"], row["seed"], row["sampler"], row["llm"]) == (0, 0, "margin", "replay")
        assert row["llm_calls"] == 36 * row["round"]
        assert row["seconds"] >= 0


def test_labels_are_the_votes_of_all_rounds_that_agree(in_one_go: Path) -> None:
    agreed: list[list[str]] = []
    for number in (1, 2, 3):
        folder = in_one_go / f"rounds/{number:04d}"
        votes = [line.split(",") for line in (folder / "votes.csv").read_text().splitlines()[1:]]
        agreed += [[*vote[:2], str(number), vote[2]] for vote in votes if len(set(vote[2:])) == 1]
        header, *lines = (folder / "labels.csv").read_text().splitlines()
        assert header == "item_id_1,item_id_2,round,label,relation,weight"
        labels = [line.split(",") for line in lines]
        assert [label[:4] for label in labels] == agreed
        for *_, code, relation, weight in labels:
            assert relation == {"1": "substitute", "2": "complementary"}.get(code, "unrelated")
            assert float(weight) == 1
        selected = (folder / "selected.csv").read_text().splitlines()[1:]
        assert [line.split(",")[:2] for line in selected] == [vote[:2] for vote in votes]


def test_usage_tells_who_answered_and_what_it_took(in_one_go: Path) -> None:
    for number in (1, 2, 3):
        usage = json.loads((in_one_go / f"rounds/{number:04d}/usage.json").read_text())
        assert usage["annotator"] == "replay"
        assert usage["calls"] == 36


def test_the_manifest_tells_what_a_run_was_made_of(in_one_go: Path) -> None:
    manifest = json.loads((in_one_go / "manifest.json").read_text())
    assert manifest["name"] == "whole"
    assert manifest["seed"] == 0
    assert manifest["karl"] == __version__
    assert manifest["python"].startswith("3.")
    assert {"numpy", "scipy", "scikit-learn", "torch"} <= set(manifest["packages"])
    assert manifest["choices"]["llm"] == "replay"
    assert all(len(manifest[f"{what}_sha256"]) == 64 for what in ("config", "data"))
    every_round = product((1, 2, 3), ("select", "label", "train", "evaluate"))
    assert [(stage["round"], stage["stage"]) for stage in manifest["stages"]] == [
        (0, "seed"),
        (0, "evaluate"),
        *every_round,
    ]


def test_the_manifest_has_the_hash_of_every_artefact(in_one_go: Path) -> None:
    stages = json.loads((in_one_go / "manifest.json").read_text())["stages"]
    hashes = {name: sha for stage in stages for name, sha in stage["artefacts"].items()}
    artefacts = {name for name in snapshot(in_one_go) if name.startswith(("seed/", "rounds/"))}
    assert set(hashes) == artefacts
    assert {name: hash_file(in_one_go / name) for name in artefacts} == hashes


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("seed/model/linear.safetensors", True),
        ("seed/hyperparameters.json", False),
        *((f"rounds/0001/{file}", file < "n") for file in OF_A_ROUND),
    ],
)
def test_an_artefact_that_is_not_as_it_was_written_is_named(
    name: str, gone: bool, mine: Path
) -> None:
    if gone:
        (mine / name).unlink()
    else:
        (mine / name).write_bytes((mine / name).read_bytes() + b"\n")
    answer = failing("run", *NAME)
    assert f"karl: {RUN / name} {'is missing' if gone else 'was changed'} since stage" in answer.err


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"stages": [{}]}', "null", "\xff"],
)
def test_a_damaged_manifest_is_named(content: str, mine: Path) -> None:
    (mine / "manifest.json").write_bytes(content.encode("latin-1"))
    assert f"karl: {RUN / 'manifest.json'} cannot be read" in failing("run", *NAME).err
    assert "cannot be read" in " ".join(done(karl("status")).out.split())


def test_a_missing_manifest_is_named(mine: Path) -> None:
    (mine / "manifest.json").unlink()
    assert f"karl: {RUN / 'manifest.json'} cannot be read" in failing("run", *NAME).err


@pytest.mark.parametrize("content", ["", "{", "- a\n", "seed: 1\n", "\xff"])
def test_a_damaged_configuration_is_named(content: str, mine: Path) -> None:
    (mine / "config.yaml").write_bytes(content.encode("latin-1"))
    assert str(RUN / "config.yaml") in failing("run", *NAME).err


@pytest.mark.parametrize("content", ["", "{", "seed: 1\n"])
def test_a_damaged_run_does_not_hide_the_others(content: str, mine: Path) -> None:
    shutil.copytree(mine, "runs/other")
    (mine / "config.yaml").write_text(content)
    assert re.search(r"^other +1/1 +evaluate", done(karl("status")).out, re.MULTILINE)


def test_damaged_metrics_are_written_anew(mine: Path) -> None:
    before = (mine / "metrics.jsonl").read_bytes()
    (mine / "metrics.jsonl").write_text("{\n")
    assert str(RUN / "metrics.jsonl") in failing("report", "mine").err
    done(karl("run", *NAME))
    assert (mine / "metrics.jsonl").read_bytes() == before
