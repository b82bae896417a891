"""Where configuration groups are."""

from __future__ import annotations

from pathlib import Path

from karl.errors import ConfigError

__all__ = ["config_folder", "existing_folder"]


def config_folder() -> Path:
    """Return the folder of the Hydra groups: packaged, or the checkout's `conf/`."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "conf"
    return packaged if packaged.is_dir() else package.parent / "conf"


def existing_folder(config_dir: Path) -> Path:
    """Return the absolute path of a folder with groups of the user's own.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if not config_dir.is_dir():
        raise ConfigError(f"--config-dir: there is no folder {config_dir}")
    return config_dir.resolve()
