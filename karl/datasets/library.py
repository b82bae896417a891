"""The data sets at hand: built in, downloaded, or imported into karl's own folder."""

from __future__ import annotations

import difflib
import hashlib
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Final, Literal

from karl.datasets.dataset import DatasetSource
from karl.datasets.fbl import FBL, ID_FILE, OOD_FILE, OTHER_FILES
from karl.datasets.tables import STEMS, Tables, find_table
from karl.errors import DataError, KarlError, UsageError
from karl.files import atomic_path, hash_file
from karl.paths import imported_data

__all__ = [
    "FBL_URL",
    "PUBLISHED",
    "Entry",
    "Stored",
    "entries",
    "get",
    "import_data",
    "source_of",
]

FBL_URL: Final = (
    "https://raw.githubusercontent.com/okamoto-lab/fbl_dataset/"
    "6fd76dcd04ba75dddbc57126b8c411023ca94827/"
)
PUBLISHED: Final = {
    ID_FILE: "6e11a01a8dcd2f556ee006bc62b4d4356b4e84b7ea5933cf1ca4c5e14164e3fd",
    OOD_FILE: "51538ccccca764aba7c84c8ccc2242b0e0b399b9e9f1fd20b567329ce3aee63e",
}
"""sha256 of each published file of the FBL data set."""

_DEMO, _FBL = "demo", "fbl"
_TIMEOUT_S: Final = 30.0
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_IMPORT_HINT: Final = (
    "Where the network is closed: put FBL2023.tsv and FBL2024.tsv into a folder on any "
    "machine, bring it here, and run `karl data import fbl --from DIR`."
)


@dataclass(frozen=True)
class Entry:
    """A data set that can be named; it has no folder where it needs no files or has none yet."""

    name: str
    kind: Literal["built-in", "imported"]
    folder: Path | None
    ready: bool


@dataclass(frozen=True)
class Stored:
    """A data set that was put into karl's folder, and what became of each of its files."""

    name: str
    folder: Path
    files: Mapping[str, str]


def entries() -> list[Entry]:
    """Return every data set that has a name, the built-in ones first."""
    try:
        fbl = Entry(_FBL, "built-in", FBL().find(), ready=True)
    except DataError:
        fbl = Entry(_FBL, "built-in", None, ready=False)
    built_in = [Entry(_DEMO, "built-in", None, ready=True), fbl]
    folders = sorted(folder for folder in imported_data("").glob("*") if folder.is_dir())
    return built_in + [
        Entry(folder.name, "imported", folder, ready=True)
        for folder in folders
        if _NAME.fullmatch(folder.name) and folder.name not in (_DEMO, _FBL)
    ]


def source_of(name: str) -> DatasetSource:
    """Return where a data set is read from; a DataError if there is none of this name.

    It is `demo`, `fbl`, the name of an imported data set, or a folder: of FBL files
    if it holds FBL2023.tsv, else of tables.
    """
    if name == _DEMO:
        from karl.demo.source import Demo

        return Demo()
    if name == _FBL:
        return FBL()
    folder = Path(name).expanduser()
    if folder.is_dir():
        return FBL(name) if (folder / ID_FILE).is_file() else Tables(name)
    known = [entry.name for entry in entries()]
    if name in known:
        return Tables(name)
    close = difflib.get_close_matches(name, known, 1)
    raise DataError(
        f"there is no data set and no folder '{name}'",
        hint=(f"Did you mean '{close[0]}'? " if close else "")
        + f"There are: {', '.join(known)}. Bring in your own with "
        "`karl data import NAME --from DIR`.",
    )


def get(name: str, *, base_url: str = FBL_URL) -> Stored:
    """Download `fbl`, from a URL that ends in a slash; files already there are kept.

    Raises
    ------
    UsageError
        If there is nothing to download for this name.
    KarlError
        If the download fails or is not the published file.
    """
    if name != _FBL:
        raise UsageError(
            f"'{name}' cannot be downloaded",
            hint="Only fbl can; demo is generated, and your own data come in with "
            "`karl data import NAME --from DIR`.",
        )
    folder = imported_data(_FBL)
    missing = [f for f in PUBLISHED if not _is_published(folder / f)]
    contents = {file: _download(base_url + file, PUBLISHED[file]) for file in missing}
    for file, content in contents.items():
        with atomic_path(folder / file) as temporary:
            temporary.write_bytes(content)
    states = {f: "downloaded, verified" if f in contents else "already here" for f in PUBLISHED}
    return Stored(_FBL, folder, states)


def import_data(name: str, from_dir: Path, *, force: bool = False) -> Stored:
    """Copy a data set into karl's folder, after reading it to see that it can be used.

    The name `fbl` is for the files of the FBL data set, which are compared with the
    published ones. With `force` an imported data set of the name is replaced.

    Raises
    ------
    UsageError
        If the name cannot be used or is taken.
    DataError
        If the data break their format.
    """
    _check_name(name, force)
    if not from_dir.is_dir():
        raise DataError("there is no such folder", file=from_dir)
    if name == _FBL:
        FBL(str(from_dir)).load()
        candidates = [from_dir / file for file in (*PUBLISHED, *OTHER_FILES)]
        files = [path for path in candidates if path.is_file()]
    else:
        Tables(folder=str(from_dir.resolve())).load()
        files = [path for stem in STEMS if (path := find_table(from_dir, stem))]
    states = {path.name: "copied" for path in files}
    for file in PUBLISHED if name == _FBL else ():
        verified = _is_published(from_dir / file)
        states[file] = "verified" if verified else "differs from the published file"
    _replace_folder(imported_data(name), files)
    return Stored(name, imported_data(name), states)


def _is_published(path: Path) -> bool:
    return path.is_file() and hash_file(path) == PUBLISHED[path.name]


def _check_name(name: str, force: bool) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' cannot be the name of a data set",
            hint="Use letters, digits, '.', '_' and '-', beginning with a letter or digit.",
        )
    if name == _DEMO:
        raise UsageError(f"'{_DEMO}' is built in", hint="Choose another name.")
    if imported_data(name).exists() and not force:
        raise UsageError(
            f"there is already a data set '{name}' in {imported_data(name)}",
            hint="Replace it with --force, or choose another name.",
        )


def _download(url: str, sha256: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:  # noqa: S310  our own URL
            content: bytes = response.read()
    except urllib.error.HTTPError as error:
        raise KarlError(f"{url} answered {error.code} {error.reason}", hint=_IMPORT_HINT) from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise KarlError(f"{url} cannot be reached: {reason}", hint=_IMPORT_HINT) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise KarlError(
            f"what came from {url} is not the published file (its sha256 differs)",
            hint="Something on the way changed it; nothing was stored. " + _IMPORT_HINT,
        )
    return content


def _replace_folder(target: Path, files: Iterable[Path]) -> None:
    """Fill a folder with copies, all of them or none, in place of what it held."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=target.parent) as temporary:
        fresh, old = Path(temporary) / "fresh", Path(temporary) / "old"
        fresh.mkdir()
        for file in files:
            with atomic_path(fresh / file.name) as copy:
                shutil.copyfile(file, copy)
        if target.exists():
            target.rename(old)
        try:
            fresh.rename(target)
        except OSError:
            old.rename(target)
            raise
