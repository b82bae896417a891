"""The experiment that a configuration describes, and who pays for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from karl.config.build import build
from karl.experiments import Experiment
from karl.llm.account import Account, Watch, silent

__all__ = ["make_experiment"]

_VOTE_STORE: Final = "votes.sqlite"


def make_experiment(
    config: dict[str, Any],
    payer: str,
    runs: Path,
    *,
    config_dir: Path | None = None,
    watch: Watch = silent,
    **more: Any,
) -> Experiment:
    """Make the experiment of a composed configuration.

    Parameters
    ----------
    config : dict
    payer : str
        Under which name the store of votes remembers what it spends: that of a run.
    runs : Path
        The folder of all runs; the store in it keeps every answer of a language model.
    config_dir : Path, optional
        With groups of the user's own.
    watch : Watch
        Told of the progress of what is asked of a language model.
    **more
        Further fields of `Experiment`, also in place of what the configuration names.

    Raises
    ------
    ConfigError
        If a value cannot be used; it names the key.
    """
    parts = build(config, config_dir) | more
    account = Account(payer, runs / _VOTE_STORE, parts["budget"], watch)
    return Experiment(**parts, account=account)
