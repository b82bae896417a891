"""What is in the wheel, and that it works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from karl.config.compose import compose_config, group_options
from karl.version import __version__

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


def pip(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", ROOT, "--no-deps", "--wheel-dir", folder)
    (built,) = folder.glob("karl-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--target", folder, wheel)
    return folder


def karl(installed: Path, home: Path, *arguments: str) -> str:
    """Call the installed command in another folder; return what it printed."""
    found = subprocess.run(
        [sys.executable, installed / "bin" / "karl", *arguments],
        cwd=home,
        env=os.environ
        | {"PYTHONPATH": str(installed), "KARL_HOME": str(home), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout


def test_the_wheel_holds_the_package_its_configuration_and_the_demo(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert f"karl-{__version__}" in wheel.name
    for source, target in (("karl", "karl"), ("conf", "karl/conf")):
        for path in (ROOT / source).rglob("*"):
            if path.suffix in {".py", ".yaml", ".tsv", ".j2"}:
                assert f"{target}/{path.relative_to(ROOT / source)}" in names


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    for name in zipfile.ZipFile(wheel).namelist():
        assert name.startswith(("karl/", f"karl-{__version__}.dist-info/"))
        assert "test" not in name.lower()
        assert "FBL" not in name
        if name.endswith((".tsv", ".csv")):
            assert name.startswith("karl/demo/ontology/")
        if not name.startswith("karl-"):
            assert Path(name).suffix in {".py", ".yaml", ".tsv", ".j2", ".typed"}


def test_the_package_says_that_it_is_typed(wheel: Path) -> None:
    assert "karl/py.typed" in zipfile.ZipFile(wheel).namelist()


def test_the_installed_command_finds_its_own_configuration(installed: Path, tmp_path: Path) -> None:
    where = "import karl.config.compose as c; print(c.config_folder())"
    found = subprocess.run(
        [sys.executable, "-c", where],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()) == installed / "karl" / "conf"
    printed = karl(installed, tmp_path, "config")
    assert yaml.safe_load(printed) == compose_config()
    for group, options in group_options().items():
        assert f"#   {group}={'|'.join(options)}\n" in printed


def test_the_installed_command_runs_an_experiment(installed: Path, tmp_path: Path) -> None:
    small = ("data.items=300", "data.id_pairs=200", "data.ood_pairs=100", "experiment=paper")
    printed = karl(installed, tmp_path, "run", *small, "classifier.tuning=null", "budget.rounds=1")
    assert "Macro-F1 by round" in printed
    assert len(list((tmp_path / "runs").glob("demo-margin-*/metrics.jsonl"))) == 1
