"""Writing files so that a reader never sees half of one, reading them back, hashing them."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from karl.errors import KarlError

__all__ = ["atomic_path", "hash_file", "hash_json", "read_json", "write_json", "write_text"]


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target` that replaces it on success.

    The file is synced before it is renamed and the folder after, so that
    `target` holds the old content or the new one even after a power cut. On
    an error the temporary file is removed and `target` stays as it was. Its folder is
    made if need be. Nothing is at the temporary path yet; it keeps the suffix, which
    some writers look at.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # Whoever writes makes the file: an interruption before that leaves none behind.
    temporary = target.with_name(f".{target.stem}-{secrets.token_hex(8)}{target.suffix}")
    try:
        yield temporary
        temporary.chmod(0o644)
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(
    path: Path,
    make: Callable[[Any], Any] = lambda value: value,
    *,
    hint: str = "Restore it, or start again under another --name.",
) -> Any:
    """Return what a JSON file holds.

    Parameters
    ----------
    path : Path
    make : callable
        Makes the file's value into what is returned; may raise ValueError, KeyError or TypeError.
    hint : str
        What to do about a file that is missing or damaged.

    Raises
    ------
    KarlError
        If there is no such file, it is no JSON, or `make` has no use for it; it names the file.
    """
    try:
        return make(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KarlError(f"{path} cannot be read: {error}", hint=hint) from error


def hash_file(path: Path) -> str:
    """Return the sha256 of a file's content in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_json(value: Any) -> str:
    """Return the sha256 of a JSON value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
