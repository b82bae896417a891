"""The shape of the code: what may import what, how long a file is, what is never used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

import karl

PACKAGE: Final = Path(karl.__file__).parent
FILES: Final = sorted(PACKAGE.rglob("*.py"))

# From the bottom to the top: a module imports its own layer and those below.
LAYERS: Final = (
    ("version", "errors", "paths", "files", "seeds", "labels", "memo", "numerics"),
    ("config",),
    ("llm",),
    ("datasets", "demo"),
    ("categories", "encoders", "cards", "data"),
    ("features",),
    ("classifiers", "samplers", "annotators", "candidates", "consensus", "evaluation"),
    ("experiments",),
    ("stages",),
    ("runs",),
    ("tracking",),
    ("sweeps",),
    ("api", "reports"),
    ("cli", "__init__"),
    ("__main__",),
)
LAYER_OF: Final = {part: level for level, parts in enumerate(LAYERS) for part in parts}

MOST_LINES: Final = 400
UNSAFE: Final = {"pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "diskcache"}


def part_of(file: Path) -> str:
    """Return the package or module right below `karl` that a file belongs to."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Give every module that code imports, for type checkers only and in functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            # `from karl import labels` imports a module too.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node)


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def parts_imported(file: Path) -> set[str]:
    """Return the parts of `karl` that a file imports."""
    names = (name.split(".") for name in imports(parsed(file)))
    return {name[1] for name in names if name[0] == "karl" and name[1:] and name[1] in LAYER_OF}


def test_every_part_has_a_layer() -> None:
    assert {part_of(file) for file in FILES} == set(LAYER_OF)


@pytest.mark.parametrize("part", LAYER_OF)
def test_nothing_imports_upwards(part: str) -> None:
    upwards = {
        f"{file.relative_to(PACKAGE)} imports {other}"
        for file in FILES
        if part_of(file) == part
        for other in parts_imported(file)
        if LAYER_OF[other] > LAYER_OF[part]
    }
    assert not upwards


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {module_of(file): file for file in FILES}
    arrows = {
        name: {other for other in imports(parsed(file)) if other in modules and other != name}
        for name, file in modules.items()
    }
    with_a_circle = TopologicalSorter(arrows)
    with_a_circle.prepare()  # raises CycleError, which tells the circle


def module_of(file: Path) -> str:
    """Return the name under which a file is imported."""
    parts = ("karl", *file.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_strategies_do_not_know_of_each_other() -> None:
    kinds = ("classifiers", "samplers", "annotators", "candidates", "consensus")
    for file in FILES:
        if part_of(file) in kinds:
            assert parts_imported(file) & set(kinds) <= {part_of(file)}, file


def test_commands_are_all_that_typer_is_known_to() -> None:
    for file in FILES:
        if part_of(file) != "cli":
            assert "typer" not in set(imports(parsed(file))), file


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_is_short_and_reads_nothing_that_runs_code(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    tree = parsed(file)
    assert not {name.partition(".")[0] for name in imports(tree)} & UNSAFE
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & {"torch.load", "pl.read_pickle", "eval", "exec"}
    assert "allow_pickle=True" not in ast.unparse(tree)
