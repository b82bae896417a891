from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from karl.cli.data import app
from karl.errors import DataError, UsageError

CATALOGUE = "item_id,title,price\nA1,pen,1.20\nA2,ink,2\nA3,clip,\n"
PAIRS = "item_id_1,item_id_2,vote_1,vote_2\nA1,A2,4,4\nA1,A3,8,8\nA2,A3,8,1\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KARL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KARL_FBL_DIR", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "catalogue.csv").write_text(CATALOGUE)
    (folder / "pairs_id.csv").write_text(PAIRS)
    return folder


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_a_folder_is_imported_then_listed_and_described(shop: Path) -> None:
    assert "fbl built-in not here" in run("list")
    assert "catalogue.csv copied" in run("import", "mine", "--from", str(shop))
    assert "mine imported ready" in run("list")
    described = run("describe", "mine")
    for fact in (
        "items 3",
        "prices 1.2 to 2",
        "complementary 1 (50%)",
        "pairs asked about 3",
        "4 items 1 and 2 must be combined to be usable 1 (50%)",
        "without agreement 1",
    ):
        assert fact in described


def test_a_folder_is_checked(shop: Path) -> None:
    checked = run("check", str(shop))
    assert "✓ shop: 3 items" in checked
    assert "rows 3" in checked


def test_errors_reach_the_caller_as_they_are(shop: Path) -> None:
    (shop / "pairs_id.csv").write_text("item_id_1,item_id_2,label\nA1,A9,1\n")
    for command in (("check", str(shop)), ("import", "mine", "--from", str(shop))):
        with pytest.raises(DataError, match=r"pairs_id\.csv, row 2, column 'item_id_2'"):
            run(*command)
    with pytest.raises(UsageError, match="cannot be downloaded"):
        run("get", "mine")


def test_force_replaces_an_imported_data_set(shop: Path) -> None:
    run("import", "mine", "--from", str(shop))
    with pytest.raises(UsageError, match="--force"):
        run("import", "mine", "--from", str(shop))
    assert "mine is in" in run("import", "mine", "--from", str(shop), "--force")


def test_help_needs_no_heavy_import() -> None:
    code = (
        "import sys, karl.cli.data; "
        "print(sorted({'polars', 'numpy', 'pydantic'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert found.stdout.strip() == "[]"
