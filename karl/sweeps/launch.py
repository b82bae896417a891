"""Handing jobs to Hydra's own multirun, so that every launcher works as it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException

from karl.config.compose import config_folder, search_path
from karl.errors import ConfigError, KarlError
from karl.sweeps.job import SWEEP_PID, THREADS, carry_out, is_alone

__all__ = ["LauncherError", "check_launcher", "launch"]

_GROUP = "hydra/launcher="
_HINT = "See the overrides that begin with hydra, and Hydra's documentation."
_EXTRAS = {
    "joblib": "joblib",
    "submitit_local": "submitit",
    "submitit_slurm": "submitit",
    "ray": "ray",
}


class LauncherError(KarlError):
    """A launcher that gave up, such as for a worker that was killed."""


def launch(
    folders: Sequence[Path],
    sweep: Path,
    of_hydra: Sequence[str] = (),
    config_dir: Path | None = None,
) -> None:
    """Have runs carried out by a Hydra launcher; returns when all have ended.

    Parameters
    ----------
    folders : sequence of Path
        Of runs that are prepared, at least one.
    sweep : Path
        Hydra's own files of the sweep go there.
    of_hydra : sequence of str
        Overrides of Hydra itself, such as `hydra/launcher=joblib`.

    Raises
    ------
    ConfigError
        If Hydra does not know one of the overrides.
    LauncherError
        If the launcher itself fails, not one of the runs.
    """
    runs = ",".join(map(_quoted, folders))
    overrides = [
        f"hydra.sweep.dir={_quoted(sweep)}",
        *search_path(config_dir),
        *of_hydra,
        f"run={runs}",
        f"config_dir={'null' if config_dir is None else _quoted(config_dir)}",
    ]
    main = hydra.main(version_base="1.3", config_path=str(config_folder()), config_name="sweep")
    GlobalHydra.instance().clear()
    with _process_of_hydra(["--multirun", *overrides], _launcher(of_hydra)):
        try:
            main(carry_out)()
        except KarlError:
            raise
        except HydraException as error:
            raise ConfigError(str(error), hint=_HINT) from error
        except Exception as error:
            told = f"the launcher gave up: {type(error).__name__}: {error}"
            raise LauncherError(told) from error


def check_launcher(of_hydra: Sequence[str], config_dir: Path | None = None) -> None:
    """Make sure that there is the launcher, and what else overrides of Hydra itself name."""
    overrides = ["run=none", "hydra.mode=MULTIRUN", *search_path(config_dir), *of_hydra]
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(config_folder()), version_base="1.3", job_name="karl"):
        try:
            hydra.compose("sweep", overrides, return_hydra_config=True)
        except MissingConfigException as error:
            if "launcher" not in str(error.missing_cfg_file):
                raise ConfigError(str(error).partition("\n")[0], hint=_HINT) from error
            name = _launcher(of_hydra)
            extra = _EXTRAS.get(name)
            hint = (
                f"Choose one of: {', '.join(['basic', *_EXTRAS])}."
                if extra is None
                else f"Its package is missing: pip install 'karl[{extra}]'"
            )
            raise ConfigError(
                f"hydra/launcher={name}: there is no such launcher", hint=hint
            ) from error
        except HydraException as error:
            raise ConfigError(str(error), hint=_HINT) from error


def _quoted(path: Path) -> str:
    return "'" + str(path.resolve()).replace("'", "\\'") + "'"


def _launcher(of_hydra: Sequence[str]) -> str:
    chosen = [item.removeprefix(_GROUP) for item in of_hydra if item.startswith(_GROUP)]
    return chosen[-1] if chosen else "basic"


@contextmanager
def _process_of_hydra(arguments: Sequence[str], launcher: str) -> Iterator[None]:
    """Be a process as Hydra's `main` expects it: with its command line, and errors raised.

    Jobs that run beside each other keep to one thread each. Whatever is set already stays.
    """
    argv = sys.argv
    wanted = {"HYDRA_FULL_ERROR": "1"}
    if not is_alone(launcher):
        wanted |= dict.fromkeys(THREADS, "1")
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    added[SWEEP_PID] = str(os.getpid())
    sys.argv = ["karl", *arguments]
    os.environ.update(added)
    try:
        yield
    finally:
        sys.argv = argv
        for name in added:
            del os.environ[name]
