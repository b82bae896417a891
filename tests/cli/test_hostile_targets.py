"""A run's config.yaml from somebody else: nothing that it names is imported or called."""

from __future__ import annotations

import json
import os
import pickle
import pkgutil
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from cli.small_shop import Answer, done, karl, settings

from karl.sweeps.directory import Outcome
from karl.sweeps.launch import finish_run

Config = dict[str, Any]

CANARY = "canary"
"""A file in the current folder that only hostile code writes."""
CANARY_MODULE = "karl_canary_module"

TOUCH = {"args": ["touch", CANARY]}


class Payload:
    """Writes the canary when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {CANARY}",))


LIVE: dict[str, Config] = {
    "joblib.load": {"filename": "payload"},
    "pickle.loads": {
        "_args_": [
            {"_target_": "builtins.bytes.fromhex", "_args_": [pickle.dumps(Payload()).hex()]}
        ]
    },
    "numpy.load": {"file": "payload.npy", "allow_pickle": True},
    "torch.load": {"f": "payload.pt", "weights_only": False},
    "builtins.open": {"file": CANARY, "mode": "w"},
    "builtins.eval": {"_args_": [f"open('{CANARY}', 'w')"]},
    "builtins.exec": {"_args_": [f"open('{CANARY}', 'w')"]},
    "os.system": {"command": f"touch {CANARY}"},
    "os.mkdir": {"path": CANARY},
    "subprocess.run": TOUCH,
    "subprocess.check_output": {"_args_": [TOUCH["args"]]},
    "pathlib.Path.touch": {"_args_": [{"_target_": "pathlib.Path", "_args_": [CANARY]}]},
    "importlib.import_module": {"name": CANARY_MODULE},
    "runpy.run_module": {"mod_name": CANARY_MODULE},
    f"{CANARY_MODULE}.Margin": {},
    "karl.files.write_text": {
        "_args_": [{"_target_": "pathlib.Path", "_args_": [CANARY]}, ""],
    },
}
"""Targets with arguments by which the canary is written once they are called."""

FOREIGN = (
    *("subprocess.Popen", "builtins.print", "__main__.x", "os.path.join", "karl.errors.KarlError"),
    # Of karl, and yet no strategies of the group `sampler`.
    "karl.encoders.tfidf_svd.TfidfSvd",
    "karl.datasets.catalogue.CatalogueColumns",
    "karl.config.settings.Budget",
    "karl.samplers.base.ScoreSampler",
    "karl.samplers.margin.np.load",
    "karl.samplers.Magic",
    "karl.config.build.build",
)

NO_NAMES = (
    *("", ".", "..", "...", "os", "karl", ".margin.Margin", "..os.system", "os..system", "os."),
    *("os.system()", "os system", "os/system", "karl.samplers.margin:Margin", "${oc.env:HOME}.x"),
    *(5, 1.5, True, None, ["os.system"], {"_target_": "os.system"}),
)

HYDRAS_OWN: Config = {
    "_args_": [1],
    "_partial_": True,
    "_recursive_": False,
    "_convert_": "all",
    "_call_": True,
}


def evil(target: str = "os.system") -> Config:
    return {"_target_": target, **LIVE[target]}


def _tfidf(**fields: Any) -> Config:
    return {"_target_": "karl.encoders.tfidf_svd.TfidfSvd", **fields}


PLACES: dict[str, tuple[str, Any, str]] = {
    # name: key that is set, its value, key that is named
    "part of an encoder": (
        "encoder",
        {"_target_": "karl.encoders.concat.Concat", "parts": {"a": _tfidf(), "b": evil()}},
        "encoder.parts.b._target_",
    ),
    "part of a part": (
        "encoder",
        {
            "_target_": "karl.encoders.concat.Concat",
            "parts": {"a": {"_target_": "karl.encoders.concat.Concat", "parts": {"b": evil()}}},
        },
        "encoder.parts.a.parts.b._target_",
    ),
    "in a list": ("encoder", _tfidf(columns=[evil()]), "encoder.columns.0._target_"),
    "in lists": ("encoder", _tfidf(columns=[[evil()]]), "encoder.columns.0.0._target_"),
    "tuning": ("classifier.tuning", evil(), "classifier.tuning._target_"),
    "strategy of another group": (
        "classifier.tuning",
        {"_target_": "karl.samplers.margin.Margin"},
        "classifier.tuning._target_",
    ),
    "inner split": (
        "split",
        {
            "_target_": "karl.datasets.splits.ValidationSplit",
            "fold": 0,
            "n_folds": 3,
            "seed": 0,
            "of": evil(),
        },
        "split.of._target_",
    ),
    "plain values": ("data.pairs", {"id": evil()}, "data.pairs.id._target_"),
    "field": ("sampler.per_category", evil(), "sampler.per_category._target_"),
    "unknown field": ("sampler.more", evil(), "sampler.more._target_"),
    "seed": ("seed", evil(), "seed"),
    "unknown group": ("evil", evil(), "'evil'"),
    "whole configuration": ("_target_", "os.system", "'_target_'"),
    "arguments of everything": ("_args_", [1], "'_args_'"),
    "interpolation": ("sampler.per_category", "${oc.env:HOME}", "sampler.per_category"),
    "interpolated group": ("sampler", "${oc.create:{a:1}}", "sampler: nothing is chosen"),
    "interpolated target": (
        "sampler._target_",
        "${oc.decode:os.system}",
        "sampler._target_",
    ),
}

CASES: dict[str, tuple[str, Any, str]] = (
    {name: ("sampler", evil(name), "sampler._target_") for name in LIVE}
    | {name: ("sampler", {"_target_": name}, "sampler._target_") for name in FOREIGN}
    | {f"{name!r}": ("sampler._target_", name, "sampler._target_") for name in NO_NAMES}
    | {
        f"{group} {name}": (group, evil(name), f"{group}._target_")
        for group in ("data", "cards", "llm", "tracking", "budget")
        for name in ("joblib.load", f"{CANARY_MODULE}.Margin")
    }
    | {key: (f"sampler.{key}", value, f"sampler.{key}") for key, value in HYDRAS_OWN.items()}
    | PLACES
)

SOME = ("joblib.load", f"{CANARY_MODULE}.Margin", "part of an encoder", "tuning", "unknown group")

SHEET = ("mine", "sheet.csv")
COMMANDS = (
    *(["run"], ["round"], ["seed"], ["select"], ["label"], ["label", "--gold", "5"], ["train"]),
    *(["evaluate"], ["estimate"], ["enrich"]),
)
"""Commands that take --name and make strategies."""


@pytest.fixture(scope="module")
def finished(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Config]:
    """A runs folder with a run of one round and a sweep of one such job; and its configuration."""
    place = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KARL_HOME", str(tmp_path_factory.getbasetemp() / "home"))
        overrides = settings(shop, "budget.rounds=1")
        done(karl("run", *overrides, "--name", "mine", "--runs-dir", str(place)))
    shutil.copytree(place / "mine", place / "swept/job")
    jobs = [{"run": "job", "overrides": overrides}]
    (place / "swept/sweep.json").write_text(json.dumps({"karl": "0", "jobs": jobs}))
    return place, yaml.safe_load((place / "mine/config.yaml").read_text())


@pytest.fixture
def runs(finished: tuple[Path, Config], workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, where KARL_RUNS_DIR tells; payloads lie in the current folder."""
    monkeypatch.setenv("KARL_RUNS_DIR", str(finished[0]))
    (workplace / f"{CANARY_MODULE}.py").write_text(f"open({CANARY!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(str(workplace))
    (workplace / "payload").write_bytes(pickle.dumps(Payload()))
    np.save("payload.npy", np.array([Payload()], object), allow_pickle=True)
    torch.save(Payload(), "payload.pt")
    return finished[0]


@pytest.fixture(autouse=True)
def _nothing_is_executed(workplace: Path) -> Iterator[None]:
    yield
    assert not (workplace / CANARY).exists()
    assert CANARY_MODULE not in sys.modules


def changed(config: Config, key: str, value: Any) -> str:
    """Return the text of a configuration with another value."""
    new = deepcopy(config)
    *parents, name = key.split(".")
    node = new
    for parent in parents:
        node = node[parent]
    node[name] = value
    return yaml.dump(new, Dumper=yaml.CSafeDumper, sort_keys=False)


@pytest.fixture
def spoil(finished: tuple[Path, Config]) -> Any:
    """Change a value in the configurations of the run and of the job."""

    def change(key: str, value: Any) -> None:
        for run in ("mine", "swept/job"):
            text = changed(finished[1], key, value)
            (finished[0] / run / "config.yaml").write_text(text)

    return change


def refused(answer: Answer, key: str) -> None:
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.startswith("karl: ")
    assert key in answer.err
    assert "Traceback" not in answer.err


def called(settings: Any) -> Any:
    """Do what settings ask for, as a reader without a care would."""
    if isinstance(settings, list):
        return list(map(called, settings))
    if not isinstance(settings, dict):
        return settings
    values = {key: called(value) for key, value in settings.items()}
    target, arguments = values.pop("_target_"), values.pop("_args_", ())
    return pkgutil.resolve_name(target)(*arguments, **values)


@pytest.mark.parametrize("name", LIVE)
def test_the_payloads_do_harm_where_they_are_called(name: str, runs: Path, workplace: Path) -> None:
    with suppress(AttributeError, FileExistsError):  # the canary module holds nothing
        called(evil(name))
    sys.modules.pop(CANARY_MODULE, None)
    canary = workplace / CANARY
    assert canary.exists()
    canary.rmdir() if canary.is_dir() else canary.unlink()


@pytest.mark.parametrize("case", CASES)
def test_every_command_that_makes_strategies_refuses(case: str, runs: Path, spoil: Any) -> None:
    key, value, named = CASES[case]
    spoil(key, value)
    for command in COMMANDS:
        refused(karl(*command, "--name", "mine"), named)
    for command in (["write"], ["read"]):
        refused(karl("sheet", *command, *SHEET), named)
    refused(karl("run", "--name", "swept/job"), named)


@pytest.mark.parametrize("case", SOME)
def test_a_sweep_refuses_a_job_whose_file_was_changed(case: str, runs: Path, spoil: Any) -> None:
    key, value, named = CASES[case]
    spoil(key, value)
    refused(karl("sweep", "--name", "swept"), named)


@pytest.mark.parametrize(
    "override",
    [
        "sampler._target_=os.system",
        f"sampler._target_={CANARY_MODULE}.Margin",
        f"hydra.searchpath=[file://evil] sampler=evil +hydra.callbacks.x._target_={CANARY_MODULE}",
    ],
)
def test_a_sweep_refuses_a_job_that_was_never_made(
    override: str, runs: Path, workplace: Path
) -> None:
    (workplace / "evil/sampler").mkdir(parents=True)
    (workplace / "evil/sampler/evil.yaml").write_text(f"_target_: {CANARY_MODULE}.Margin\n")
    jobs = [
        {"run": "new", "overrides": override.replace("file://", f"file://{workplace}/").split()}
    ]
    (runs / "unmade").mkdir(exist_ok=True)
    (runs / "unmade/sweep.json").write_text(json.dumps({"karl": "0", "jobs": jobs}))
    refused(karl("sweep", "--name", "unmade"), "sampler._target_")


@pytest.mark.parametrize("case", SOME)
def test_a_job_whose_file_was_changed_fails(case: str, runs: Path, spoil: Any) -> None:
    key, value, named = CASES[case]
    spoil(key, value)
    finish_run(runs / "swept/job")
    outcome = json.loads((runs / "swept/job/outcome.json").read_text())
    assert outcome["state"] == "failed"
    assert named in outcome["message"]
    assert Outcome(**outcome).state == "failed"


@pytest.mark.parametrize("case", SOME)
def test_changing_a_limit_does_not_help(case: str, runs: Path, spoil: Any) -> None:
    key, value, named = CASES[case]
    spoil(key, value)
    refused(karl("run", "budget.rounds=2", "tracking=none", "--name", "mine"), named)


def test_commands_that_only_look_make_no_strategy(
    runs: Path, finished: tuple[Path, Config], spoil: Any
) -> None:
    config = finished[1]
    spoil("evil", evil())
    for run in ("mine", "swept/job"):
        file = runs / run / "config.yaml"
        hostile = yaml.safe_load(file.read_text())
        for group, name in zip(config["choices"], LIVE, strict=False):
            if group not in ("budget", "experiment", "seed"):
                hostile[group] |= evil(name)
        hostile["budget"]["_target_"] = "os.system"
        file.write_text(yaml.safe_dump(hostile, sort_keys=False))
    assert "mine" in done(karl("status")).out
    assert "job" in done(karl("status", "swept")).out
    assert "has a macro-F1 of" in done(karl("report", "mine")).out
    done(karl("report", "mine", "--config-dir", str(runs)))


def test_choices_are_text_that_nobody_builds(runs: Path, spoil: Any) -> None:
    spoil("choices.encoder", evil())
    done(karl("run", "--name", "mine"))
    spoil("choices", "${oc.env:HOME}")
    refused(karl("run", "--name", "mine"), "is no whole configuration")


@pytest.mark.parametrize("value", [b"bytes", date(2024, 10, 21), {1, 2}])
def test_a_file_that_holds_more_than_plain_values_is_refused(
    value: Any, runs: Path, spoil: Any
) -> None:
    spoil("llm.votes", value)
    refused(karl("run", "--name", "mine"), "is no whole configuration")
    assert "is no whole configuration" in " ".join(done(karl("status")).out.split())


def test_text_that_looks_like_an_interpolation_stays_as_it_is(
    runs: Path, spoil: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KARL_TEST_FOLDER", "/")
    for text in ("${oc.env:KARL_TEST_FOLDER}", "${unclosed", "${as_llm:provider,null}"):
        spoil("data.folder", text)
        refused(karl("run", "--name", "mine"), f"'{text}' is neither a folder")


def test_folders_of_options_do_not_lend_each_other_targets(
    runs: Path, spoil: Any, workplace: Path
) -> None:
    (workplace / "own/encoder").mkdir(parents=True)
    option = f"_target_: {CANARY_MODULE}.Encoder\n"
    (workplace / "own/encoder/mine.yaml").write_text(option)
    for target in (f"{CANARY_MODULE}.Encoder", f"{CANARY_MODULE}.below.Encoder"):
        spoil("sampler._target_", target)
        refused(karl("run", "--name", "mine", "--config-dir", "own"), "sampler._target_")
