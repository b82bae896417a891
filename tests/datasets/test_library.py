from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fbl_files import write_fbl
from table_files import ITEMS, write_shop, write_table

from karl.datasets import library
from karl.datasets.fbl import FBL
from karl.datasets.tables import Tables
from karl.errors import DataError, ExitCode, KarlError, UsageError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KARL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KARL_FBL_DIR", raising=False)
    return tmp_path / "home"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Path:
    return write_fbl(tmp_path / "served")


@pytest.fixture
def url(served: Path) -> Iterator[str]:
    handler = partial(Quiet, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def published(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what the test server serves for what was published."""
    for path in served.iterdir():
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setitem(library.PUBLISHED, path.name, sha256)


@pytest.mark.usefixtures("published")
def test_get_downloads_and_verifies(url: str, served: Path, home: Path) -> None:
    stored = library.get("fbl", base_url=url)
    assert stored.folder == home / "data" / "fbl"
    assert set(stored.files.values()) == {"downloaded, verified"}
    for path in served.iterdir():
        assert (stored.folder / path.name).read_bytes() == path.read_bytes()
    assert len(FBL().load().catalogue) == 4


@pytest.mark.usefixtures("published")
def test_get_downloads_only_what_is_missing(url: str, served: Path, home: Path) -> None:
    library.get("fbl", base_url=url)
    (home / "data" / "fbl" / "FBL2024.tsv").write_text("damaged")
    (served / "FBL2023.tsv").unlink()
    stored = library.get("fbl", base_url=url)
    assert stored.files == {"FBL2023.tsv": "already here", "FBL2024.tsv": "downloaded, verified"}


def failed_download(base_url: str, home: Path) -> str:
    with pytest.raises(KarlError) as raised:
        library.get("fbl", base_url=base_url)
    assert raised.value.exit_code == ExitCode.FAILURE
    assert "karl data import fbl --from DIR" in str(raised.value)
    assert not (home / "data" / "fbl").exists()
    return str(raised.value)


def test_a_file_that_is_not_the_published_one_is_refused(url: str, home: Path) -> None:
    assert "not the published file" in failed_download(url, home)


@pytest.mark.usefixtures("published")
def test_a_missing_file_is_reported_and_nothing_is_stored(
    url: str, served: Path, home: Path
) -> None:
    (served / "FBL2024.tsv").unlink()
    assert "FBL2024.tsv answered 404" in failed_download(url, home)


def test_a_closed_network_is_reported(home: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert "cannot be reached" in failed_download(f"http://127.0.0.1:{port}/", home)


def test_only_fbl_can_be_downloaded() -> None:
    with pytest.raises(UsageError, match="'demo' cannot be downloaded"):
        library.get("demo")


def test_imported_fbl_files_are_compared_with_the_published_ones(
    tmp_path: Path, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = hashlib.sha256((served / "FBL2023.tsv").read_bytes()).hexdigest()
    monkeypatch.setitem(library.PUBLISHED, "FBL2023.tsv", sha256)
    (served / "items.tsv").write_text("item_id\tname\na\tx\n")
    (served / "private.txt").write_text("not ours")
    stored = library.import_data("fbl", served)
    assert stored.files == {
        "FBL2023.tsv": "verified",
        "FBL2024.tsv": "differs from the published file",
        "items.tsv": "copied",
    }
    assert {path.name for path in stored.folder.iterdir()} == set(stored.files)
    assert FBL().load().cards == stored.folder / "items.tsv"


def test_tables_are_imported_by_name(tmp_path: Path, home: Path) -> None:
    folder = write_shop(tmp_path / "mine", ".jsonl")
    (folder / "notes.txt").write_text("stays behind")
    stored = library.import_data("shop-1", folder)
    assert sorted(path.name for path in stored.folder.iterdir()) == [
        "catalogue.jsonl",
        "pairs_id.jsonl",
    ]
    assert isinstance(library.source_of("shop-1"), Tables)
    assert len(library.source_of("shop-1").load().catalogue) == len(ITEMS)
    assert [(e.name, e.ready) for e in library.entries()] == [
        ("demo", True),
        ("fbl", False),
        ("shop-1", True),
    ]


def test_an_import_replaces_another_only_when_forced(tmp_path: Path, home: Path) -> None:
    library.import_data("shop", write_shop(tmp_path / "old"))
    new = write_shop(tmp_path / "new", ".tsv")
    with pytest.raises(UsageError, match="--force"):
        library.import_data("shop", new)
    assert (home / "data" / "shop" / "catalogue.csv").is_file()
    stored = library.import_data("shop", new, force=True)
    names = sorted(path.name for path in stored.folder.iterdir())
    assert names == ["catalogue.tsv", "pairs_id.tsv"]
    assert [path.name for path in (home / "data").iterdir()] == ["shop"]


def test_a_broken_folder_is_not_imported(tmp_path: Path, home: Path) -> None:
    folder = write_shop(tmp_path / "mine")
    write_table(folder / "pairs_ood.csv", [{"item_id_1": "A1", "item_id_2": "?", "label": "1"}])
    with pytest.raises(DataError, match=r"pairs_ood\.csv, row 2"):
        library.import_data("shop", folder)
    with pytest.raises(DataError, match="no such folder"):
        library.import_data("shop", tmp_path / "nowhere")
    assert not (home / "data").exists()


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a/b", "a b", "-x", "demo"])
def test_names_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        library.import_data(name, write_shop(tmp_path / "mine"))


def test_folders_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    assert isinstance(library.source_of(str(write_fbl(tmp_path / "a"))), FBL)
    assert isinstance(library.source_of(str(write_shop(tmp_path / "b"))), Tables)
    assert isinstance(library.source_of("fbl"), FBL)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"Did you mean 'demo'\? There are: demo, fbl"):
        library.source_of("demmo")
