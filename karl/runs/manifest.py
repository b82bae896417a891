"""The manifest: what a run was made from, by which version, and which stages are done."""

from __future__ import annotations

import platform
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from karl.errors import KarlError, UsageError
from karl.files import hash_file, read_json, write_json
from karl.numerics import Machine
from karl.version import __version__

__all__ = ["Manifest", "StageRecord", "check_version"]

# What computes results.
_PACKAGES: Final = (
    *("numpy", "scipy", "scikit-learn", "optuna", "polars"),
    *("hydra-core", "torch", "litellm"),
)
# Versions that computed in single precision: their runs can be looked at only.
_OTHER_FIGURES: Final = ("0.1.0",)


@dataclass(frozen=True)
class StageRecord:
    """A stage that is done: wall time, and the sha256 of each artefact by its path in the run."""

    stage: str
    round: int
    seconds: float
    artefacts: dict[str, str]


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


@dataclass(frozen=True)
class Manifest:
    """Everything that is needed to make a run again, and how far it got."""

    name: str
    config_sha256: str  # without what may change: see `fixed_hash`
    data_sha256: str  # catalogue, cards and human labels
    seed: int
    choices: dict[str, str]
    prompt_sha256: str | None = None  # by which a language model is asked for labels
    karl: str = __version__
    python: str = field(default_factory=platform.python_version)
    packages: dict[str, str] = field(default_factory=_versions)
    machines: list[Machine] = field(default_factory=lambda: [Machine.here()])
    same_everywhere: bool = True  # what classifier and encoder promise of their figures
    stages: list[StageRecord] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read what `write` wrote."""

        def make(value: dict[str, Any]) -> Manifest:
            stages = [StageRecord(**record) for record in value["stages"]]
            machines = [Machine(**machine) for machine in value.get("machines", ())]
            return cls(**{**value, "stages": stages, "machines": machines})

        manifest: Manifest = read_json(path, make)
        return manifest

    def write(self, path: Path) -> None:
        """Write the manifest atomically."""
        write_json(path, asdict(self))

    def done(self, stage: str, number: int) -> bool:
        """Whether a stage of a round is done."""
        return any((record.stage, record.round) == (stage, number) for record in self.stages)

    def verify(self, folder: Path) -> None:
        """Raise a KarlError if an artefact of a stage is missing or not as it was written."""
        for record in self.stages:
            for name, expected in record.artefacts.items():
                path = folder / name
                if not path.exists() or hash_file(path) != expected:
                    state = "was changed" if path.exists() else "is missing"
                    raise KarlError(
                        f"{path} {state} since stage '{record.stage}' of round "
                        f"{record.round} wrote it",
                        hint="Restore it, or start again under another --name.",
                    )


def check_version(name: str, made_by: str) -> None:
    """Raise a UsageError if this version does not give the figures of the one that made a run."""
    if made_by in _OTHER_FIGURES:
        raise UsageError(
            f"'{name}' was made by karl {made_by}, whose figures depended on the processor: it "
            "cannot go on",
            hint=f"`karl report {name}` still shows it. Start again under another --name: answers "
            "of language models in votes.sqlite are used again.",
        )
