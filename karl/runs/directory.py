"""A run's folder: made, opened, locked, and compared with what is asked of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml
from filelock import FileLock, Timeout

from karl.config.build import GROUPS, TRACKING, build
from karl.config.compose import GROUPS_KEY, differences
from karl.config.former import in_present_terms
from karl.config.targets import read_yaml
from karl.datasets import Dataset
from karl.errors import ConfigError, UsageError
from karl.experiments import Experiment
from karl.files import hash_file, write_text
from karl.llm.budget import Account, Watch, silent
from karl.memo import Memo
from karl.numerics import Machine
from karl.runs.changes import changed, fixed_hash, is_changeable
from karl.runs.loop import metrics_rows
from karl.runs.manifest import Manifest, StageRecord, check_version
from karl.stages.artefacts import InFolder

__all__ = ["CONFIG_FILE", "Run", "held", "make_experiment", "there_is_none"]

CONFIG_FILE: Final = "config.yaml"
"""The file that makes a folder a run."""

_log = logging.getLogger(__name__)

# Runs made before there was tracking told nobody.
_NO_TRACKING: Final = {"_target_": "karl.tracking.none.NoTracking"}
_DAMAGED: Final = "Restore it, or choose another --name."
_VOTE_STORE: Final = "votes.sqlite"


@dataclass(frozen=True, eq=False)
class Run:
    """A run: a folder, its configuration, and the experiment that it makes.

    Parameters
    ----------
    watch : Watch
        Told of the progress of what is asked of a language model.
    patience_s : float
        How long to wait for another process that works on the run; negative: until
        it is done.
    among : Path, optional
        The folder of all runs, where they share their votes; by default the one above.
    memo : Memo
        Data sets that were read; handed in, it is shared between runs.
    config_dir : Path, optional
        With groups of the user's own, where the strategies are from that karl has not.
    """

    folder: Path
    config: dict[str, Any]
    watch: Watch = silent
    patience_s: float = 0
    among: Path | None = None
    memo: Memo[Dataset] = field(default_factory=Memo)
    config_dir: Path | None = None

    @classmethod
    def load(
        cls,
        folder: Path,
        changes: Sequence[str] = (),
        watch: Watch = silent,
        config_dir: Path | None = None,
        among: Path | None = None,
    ) -> Run:
        """Open a run that exists, with the configuration it was started with, but for `changes`.

        It is a UsageError if there is none, a ConfigError if its configuration cannot be read.
        """
        file = folder / CONFIG_FILE
        if not file.exists():
            raise there_is_none("run", folder, CONFIG_FILE)
        config = changed(_read_config(file), changes, config_dir)
        return cls(folder, config, watch, among=among, config_dir=config_dir)

    @property
    def runs(self) -> Path:
        """The folder of all runs."""
        return self.among or self.folder.parent

    @property
    def name(self) -> str:
        """The name of the run: where it is in the folder of all runs."""
        return str(self.folder.relative_to(self.runs))

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment that the run carries out; see `check_version`."""
        self._check_version()
        config_dir, watch = self.config_dir, self.watch
        return make_experiment(self.config, self.name, self.runs, config_dir, watch, memo=self.memo)

    @cached_property
    def artefacts(self) -> InFolder:
        """The files that stages write."""
        return InFolder(self.folder, self.experiment.dataset.catalogue)

    @property
    def metrics_file(self) -> Path:
        """One line per round and evaluation set."""
        return self.folder / "metrics.jsonl"

    @property
    def manifest(self) -> Manifest:
        """The manifest as it is on disk; a KarlError if it cannot be read."""
        return Manifest.read(self._manifest_file)

    @property
    def _manifest_file(self) -> Path:
        return self.folder / "manifest.json"

    @property
    def stages(self) -> list[StageRecord]:
        """The stages that are done, in their order."""
        return self.manifest.stages if self.exists else []

    def command(self, stage: str) -> str:
        """Return the command that carries out a stage."""
        return f"karl {stage} --name {self.name}"

    def record(self, stage: str, number: int, seconds: float, written: Sequence[Path]) -> None:
        """Write down that a stage is done, and bring `metrics.jsonl` up to date.

        Its artefacts are on disk by then: a run that is killed before does the stage again,
        with the same result.
        """
        artefacts = {str(path.relative_to(self.folder)): hash_file(path) for path in written}
        done = StageRecord(stage, number, round(seconds, 3), artefacts)
        manifest = self.manifest
        replace(manifest, stages=[*manifest.stages, done]).write(self._manifest_file)
        self._write_metrics()

    def _write_metrics(self) -> None:
        """Write `metrics.jsonl` anew each time: whenever killed, it has every row once."""
        write_text(self.metrics_file, "".join(f"{row.to_json()}\n" for row in metrics_rows(self)))

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from working on the run; a UsageError if one does."""
        return held(self.folder, "working on the run", self.patience_s)

    def prepare(self, *, seed_only: bool = False) -> None:
        """Make the folder, or check that it holds the same experiment.

        Everything that can be wrong with configuration and data is found here, before
        anything is written; with `seed_only` all but what rounds need, such as the annotator.

        Raises
        ------
        ConfigError
            If the run was started with another configuration or other data; the
            message lists the differences.
        DataError
            If the data cannot be used.
        UsageError
            If another version made the run; see `check_version`.
        """
        self.settle(self.examine(seed_only=seed_only))
        with self.locked():  # a process that was killed may have left them behind its stages
            self._write_metrics()

    def examine(self, *, seed_only: bool = False) -> Manifest:
        """Find out what can be wrong, and write nothing: the manifest of a run made now."""
        self._check_version()  # before its keys are compared: it may have had others
        if self.exists:
            self._check_config()
        annotates = self.experiment.budget.rounds > 0 and not (seed_only or self._is_complete)
        if annotates:
            self.experiment.llm.check()  # before cards are paid for
        return Manifest(
            name=self.name,
            config_sha256=fixed_hash(self.config),
            data_sha256=self.experiment.data_hash,
            seed=self.experiment.seed,
            choices={k: v for k, v in self.experiment.choices.items() if k != TRACKING},
            same_everywhere=self.experiment.same_everywhere,
            prompt_sha256=self.experiment.check().prompt if annotates else None,
        )

    def settle(self, manifest: Manifest) -> None:
        """Make the folder of a run that was examined; see `prepare`."""
        with self.locked():
            # Asked again: another process may have made the run meanwhile.
            if self.exists:
                self._check_config()
                self._check_files(manifest)
            else:
                # The configuration goes last: where it is, the run exists.
                manifest.write(self._manifest_file)
            text = yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True)
            write_text(self.folder / CONFIG_FILE, text)

    @property
    def exists(self) -> bool:
        """Whether the run was made."""
        return (self.folder / CONFIG_FILE).exists()

    @property
    def is_made(self) -> bool:
        """Whether the folder holds this very configuration, limits included."""
        return self.exists and _read_config(self.folder / CONFIG_FILE) == self.config

    @property
    def _is_complete(self) -> bool:
        """Whether all rounds are done: a key is needed no more."""
        return self.exists and self.manifest.done("evaluate", self.experiment.budget.rounds)

    def _check_version(self) -> None:
        if self.exists:
            check_version(self.name, self.manifest.karl)

    def _check_config(self) -> None:
        found = differences(_read_config(self.folder / CONFIG_FILE), self.config)
        lines = [
            f"\n  {key}: {_shown(old)} → {_shown(new)}"
            for key, (old, new) in found.items()
            if not is_changeable(key)
        ]
        if lines:
            raise ConfigError(
                f"the run '{self.name}' was started with another configuration:{''.join(lines)}",
                hint="What is not given counts as its default. Give what the run was started with, "
                f"or the name alone (--name {self.name}), or choose another --name.",
            )

    def _check_files(self, now: Manifest) -> None:
        """Compare data, prompt and artefacts with those that the run has had so far."""
        manifest = self.manifest
        if manifest.data_sha256 != now.data_sha256:
            raise ConfigError(
                f"the data of the run '{self.name}' have changed since it was started",
                hint="Restore the data files, or choose another --name.",
            )
        prompt = manifest.prompt_sha256 or now.prompt_sha256  # a seed alone has none yet
        if now.prompt_sha256 not in (None, prompt):
            raise ConfigError(
                f"the prompt of the run '{self.name}' has changed since it was started",
                hint="Restore the template, or choose another --name.",
            )
        manifest.verify(self.folder)
        manifest = replace(manifest, prompt_sha256=prompt)
        (here,) = now.machines
        if not self._is_complete and here not in manifest.machines[-1:]:
            self._tell_of_another_machine(manifest.machines, here)
            manifest = replace(manifest, machines=[*manifest.machines, here])
        manifest.write(self._manifest_file)

    def _tell_of_another_machine(self, before: list[Machine], here: Machine) -> None:
        if before and (before[-1].processor, before[-1].blas) != (here.processor, here.blas):
            _log.warning(
                "karl: the run '%s' was worked on with %s (%s) before and goes on with %s (%s); %s",
                self.name,
                *(before[-1].processor, before[-1].blas, here.processor, here.blas),
                "its figures do not depend on that"
                if self.experiment.same_everywhere
                else "figures of its classifier or encoder may depend on that",
            )


def make_experiment(
    config: dict[str, Any],
    payer: str,
    runs: Path,
    config_dir: Path | None = None,
    watch: Watch = silent,
    **more: Any,
) -> Experiment:
    """Make the experiment of a composed configuration; a ConfigError names a key that is wrong.

    Parameters
    ----------
    payer : str
        Under which name the store of votes remembers what it spends: that of a run.
    runs : Path
        The folder of all runs; the store in it keeps every answer of a language model.
    **more
        Further fields of `Experiment`, also in place of what the configuration names.
    """
    parts = build(config, config_dir) | more
    account = Account(payer, runs / _VOTE_STORE, parts["budget"], watch)
    return Experiment(**parts, account=account)


@contextmanager
def held(folder: Path, doing: str, patience_s: float = 0) -> Iterator[None]:
    """Hold a folder's lock; a process that is killed lets go of it.

    It is a UsageError if another process, which must be `doing` the same, does not let go of
    it in so many seconds; negative: wait until it does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=patience_s):
            yield
    except Timeout as error:
        raise UsageError(
            f"another process is {doing} '{folder.name}'",
            hint="Wait for it, or choose another --name.",
        ) from error


def there_is_none(kind: str, folder: Path, file: str) -> UsageError:
    """Return the error that tells of a missing run or sweep, whose folder has a certain file."""
    existing = sorted(path.parent.name for path in folder.parent.glob(f"*/{file}"))
    return UsageError(
        f"there is no {kind} '{folder.name}' in {folder.parent}",
        hint=f"There are: {', '.join(existing)}." if existing else f"Start one: karl {kind}",
    )


def _read_config(file: Path) -> dict[str, Any]:
    """Return the configuration in a run's file, a ConfigError if it is none."""
    config = read_yaml(file, hint=_DAMAGED)
    if isinstance(config, dict):
        config.setdefault(TRACKING, dict(_NO_TRACKING))
    keys = {*GROUPS, TRACKING, GROUPS_KEY, "seed"}
    whole = isinstance(config, dict) and keys <= config.keys() and _is_plain(config)
    if not whole or not isinstance(config[GROUPS_KEY], dict):
        raise ConfigError(f"{file} is no whole configuration", hint=_DAMAGED)
    return in_present_terms(config)


def _is_plain(config: dict[str, Any]) -> bool:
    """Whether a configuration holds nothing but what JSON knows, as karl writes it."""
    try:
        json.dumps(config)
    except (TypeError, ValueError, RecursionError):  # dates, bytes, what holds itself
        return False
    return True


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
