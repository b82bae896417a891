"""The manifest: what a run was made from, by which version, and which stages are done."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field, replace
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
    *("numpy", "scipy", "scikit-learn", "skops", "optuna", "polars"),
    *("hydra-core", "torch", "litellm"),
)
# Versions that computed in single precision: their runs can be looked at only.
_OTHER_FIGURES: Final = ("0.1.0",)


@dataclass(frozen=True)
class StageRecord:
    """A stage that is done.

    Parameters
    ----------
    stage : str
    round : int
    seconds : float
        Wall time it took.
    artefacts : dict of str to str
        sha256 by path, relative to the run's folder.
    """

    stage: str
    round: int
    seconds: float
    artefacts: dict[str, str]


def _versions() -> dict[str, str]:
    """Return the installed versions of the packages that compute results."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class Manifest:
    """Everything that is needed to make a run again, and how far it got.

    Parameters
    ----------
    name : str
        Name of the run.
    config_sha256 : str
        Of the composed configuration, without what may change (`fixed_hash`).
    data_sha256 : str
        Of catalogue, cards and human labels.
    seed : int
    choices : dict of str to str
        The option chosen in each configuration group.
    prompt_sha256 : str, optional
        Of the prompt by which a language model is asked for labels.
    karl, python : str
        Versions.
    packages : dict of str to str
        Versions of what computes the results.
    machines : list of Machine
        On which it was worked, in their order.
    same_everywhere : bool
        Whether classifier and encoder promise the same figures on every processor.
    stages : list of StageRecord
        In the order in which they were done.
    """

    name: str
    config_sha256: str
    data_sha256: str
    seed: int
    choices: dict[str, str]
    prompt_sha256: str | None = None
    karl: str = __version__
    python: str = field(default_factory=platform.python_version)
    packages: dict[str, str] = field(default_factory=_versions)
    machines: list[Machine] = field(default_factory=lambda: [Machine.here()])
    same_everywhere: bool = True
    stages: list[StageRecord] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read what `write` wrote."""
        manifest: Manifest = read_json(path, cls._from_json)
        return manifest

    @classmethod
    def _from_json(cls, value: dict[str, Any]) -> Manifest:
        stages = [StageRecord(**record) for record in value["stages"]]
        machines = [Machine(**machine) for machine in value.get("machines", ())]
        return cls(**{**value, "stages": stages, "machines": machines})

    def write(self, path: Path) -> None:
        """Write the manifest atomically."""
        write_json(path, asdict(self))

    def on(self, machine: Machine) -> Manifest:
        """Return the manifest with one more machine, unless it is the last one."""
        if self.machines and self.machines[-1] == machine:
            return self
        return replace(self, machines=[*self.machines, machine])

    def done(self, stage: str, number: int) -> bool:
        """Whether a stage of a round is done."""
        return any((record.stage, record.round) == (stage, number) for record in self.stages)

    def with_stage(self, record: StageRecord) -> Manifest:
        """Return the manifest with one more stage done."""
        return replace(self, stages=[*self.stages, record])

    def verify(self, folder: Path) -> None:
        """Check that the artefacts of all done stages are as they were written.

        Raises
        ------
        KarlError
            If one is missing or was changed.
        """
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
    """Make sure that this version gives the figures of the one that made a run or a sweep.

    Raises
    ------
    UsageError
        If it does not.
    """
    if made_by in _OTHER_FIGURES:
        raise UsageError(
            f"'{name}' was made by karl {made_by}, whose figures depended on the processor: it "
            "cannot go on",
            hint=f"`karl report {name}` still shows it. Start again under another --name: answers "
            "of language models in votes.sqlite are used again.",
        )
