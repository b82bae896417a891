"""scikit-learn estimators in files: without pickle, and the same bytes for the same estimator."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from karl.files import atomic_path

__all__ = ["load_estimator", "save_estimator"]

_SCHEMA: Final = "schema.json"


def save_estimator(path: Path, estimator: Any) -> None:
    """Write an estimator to a .skops file, atomically."""
    from skops.io import dumps

    with atomic_path(path) as temporary:
        temporary.write_bytes(_the_same_always(dumps(estimator)))


def load_estimator(path: Path, trusted: Sequence[str]) -> Any:
    """Read what `save_estimator` wrote.

    Parameters
    ----------
    path : Path
    trusted : sequence of str
        Types that may be made, beside those that skops trusts by itself.

    Raises
    ------
    skops.io.exceptions.UntrustedTypesFoundException
        If the file holds another one.
    """
    from skops.io import load

    return load(path, trusted=list(trusted))


def _the_same_always(dumped: bytes) -> bytes:
    """Free what skops dumped from times and memory addresses, and compress it."""
    written = io.BytesIO()
    with ZipFile(io.BytesIO(dumped)) as old, ZipFile(written, "w", ZIP_DEFLATED) as new:
        names: dict[str, str] = {}
        schema = _renumbered(json.loads(old.read(_SCHEMA)), {}, count(1), names)
        new.writestr(_entry(_SCHEMA), json.dumps(schema))
        for name, new_name in names.items():
            new.writestr(_entry(new_name), old.read(name))
    return written.getvalue()


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name)  # of 1980, and not of now
    entry.compress_type = ZIP_DEFLATED
    return entry


def _renumbered(
    node: Any, numbers: dict[int, int], unused: count[int], names: dict[str, str]
) -> Any:
    """Number objects and files in the order in which they come.

    Nodes with the same number are one object. Whether two equal plain values are one is a
    matter of chance, so each gets a number of its own.

    Parameters
    ----------
    node : JSON value
        Of the schema.
    numbers : dict of int to int
        By address; is added to.
    unused : iterator of int
    names : dict of str to str
        File names by those in the dump; is added to.
    """
    if isinstance(node, list):
        return [_renumbered(part, numbers, unused, names) for part in node]
    if not isinstance(node, dict):
        return node
    new = dict(node)
    if "__loader__" in node:
        shared = numbers if node["__loader__"] != "JsonNode" else {}
        if node["__id__"] not in shared:
            shared[node["__id__"]] = next(unused)
        new["__id__"] = shared[node["__id__"]]
        if "file" in node:
            suffix = Path(node["file"]).suffix
            new["file"] = names.setdefault(node["file"], f"{len(names)}{suffix}")
    return {key: _renumbered(value, numbers, unused, names) for key, value in new.items()}
