"""What docs/python.md shows is carried out, block after block, as it stands there."""

from __future__ import annotations

import ast
import sys
from types import ModuleType
from typing import Any

import pytest
from cli.small_shop import write_shop
from docs.pages import DOCS, blocks

pytestmark = pytest.mark.slow  # its blocks are whole runs

PAGE = DOCS / "python.md"


def carry_out(line: int, code: str, names: dict[str, Any]) -> Any:
    """Run a block, whose tracebacks name lines of the page; return its last expression."""
    tree = ast.increment_lineno(ast.parse(code), line - 1)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(PAGE), "exec", dont_inherit=True), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), str(PAGE), "eval", dont_inherit=True), names)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, dict[str, Any]]]:
    """What each block ended with, and the names that there were then."""
    place = tmp_path_factory.mktemp("page")
    write_shop(place / "shop")
    page = ModuleType("karl_docs_page")
    names, ended = vars(page), []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setitem(sys.modules, page.__name__, page)
        for line, code in blocks(PAGE, "python"):
            value = carry_out(line, code, names)
            ended.append((value, dict(names)))
    return ended


def test_every_block_is_carried_out(shown: list[tuple[Any, dict[str, Any]]]) -> None:
    assert len(shown) == len(blocks(PAGE, "python")) >= 8


def test_they_end_with_what_the_page_says(shown: list[tuple[Any, dict[str, Any]]]) -> None:
    values = [value for value, _ in shown]
    loop, by_hand, folder, _, frames, _, classifier, sampler, labels = values
    assert loop.shape == (1, 3)
    assert loop.sum() == pytest.approx(1)
    assert by_hand.metrics["round"].max() == 2
    assert folder.parts[-2:] == ("runs", "first")
    assert frames == ["item_id", "title", "type"]
    assert classifier.metrics["sampler"].to_list() == ["farapart"] * 4
    assert 0 < sampler < 1
    assert labels is True


def test_the_loop_comes_first_and_is_short() -> None:
    code = blocks(PAGE, "python")[0][1].rstrip().splitlines()
    assert len(code) <= 10
    assert code[0] == "import karl"


def test_a_folder_is_what_the_command_line_knows(
    shown: list[tuple[Any, dict[str, Any]]],
) -> None:
    names = shown[2][1]
    in_memory, in_folder = shown[1][1]["exp"].metrics, names["exp"].metrics
    seeds = [metrics.drop("seconds").head(2) for metrics in (in_memory, in_folder)]
    assert seeds[0].equals(seeds[1])
