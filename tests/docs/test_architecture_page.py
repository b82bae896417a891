"""What docs/architecture.md shows is there, and its examples are carried out as they stand."""

from __future__ import annotations

import re
import shlex
import sys
from itertools import product
from pathlib import Path

import pytest
from cli.small_shop import done, karl, workplace
from docs.pages import DOCS, ROOT, blocks
from strategies import PACKAGES
from test_layers import LAYER_OF

__all__ = ["workplace"]

PAGE = DOCS / "architecture.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROW = 86
"""Height of a row of the picture."""

OPTIONS = [code.split("\n", 1)[0].removeprefix("# ") for _, code in blocks(PAGE, "yaml")]
COMPUTED = {"candidates", "categories", "features"}
"""Groups of one class each: what they compute is replaced from `karl/experiments.py` on."""


def test_the_picture_shows_every_room_above_what_it_stands_on() -> None:
    picture = (DOCS / "rooms.svg").read_text(encoding="utf-8")
    drawn = re.findall(r'<text class="room" .*? y="(\d+)">(\w+)</text>', picture)
    height = {room: int(y) // ROW for y, room in drawn}
    assert height.keys() <= LAYER_OF.keys()
    assert {room for room in LAYER_OF if (ROOT / "karl" / room).is_dir()} <= height.keys()
    for above, below in product(height, height):
        if LAYER_OF[above] > LAYER_OF[below]:
            assert height[above] <= height[below], f"{above} is drawn below {below}"


def test_every_file_that_it_names_is_there() -> None:
    for name in re.findall(r"`(karl/[\w/.]+)`", TEXT):
        assert (ROOT / name).exists(), name


def test_there_is_an_example_of_every_kind_of_strategy() -> None:
    groups = {Path(option).parts[1] for option in OPTIONS}
    assert groups - {"data"} == PACKAGES.keys() - COMPUTED


@pytest.mark.slow
def test_the_examples_are_carried_out(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for language in ("python", "yaml"):
        for _, code in blocks(PAGE, language):
            file = Path(code.split("\n", 1)[0].removeprefix("# "))
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as module:
                module.write(code)
    monkeypatch.syspath_prepend("own")
    (command,) = [code for _, code in blocks(PAGE, "sh")]
    path, program, *arguments = shlex.split(command)
    assert (path, program) == ("PYTHONPATH=own", "karl")
    try:
        answer = done(karl(*arguments))
    finally:
        sys.modules.pop("mine", None)
    assert "second_guess sampling, shared_words" in answer.out
    stages = (workplace / "diary.txt").read_text().splitlines()
    assert stages[:2] == ["seed of round 0", "evaluate of round 0"]
    assert stages[-1] == "evaluate of round 2"
    used = {Path(option).parts[1:] for option in OPTIONS}
    chosen = {tuple(part.split("=")) for part in arguments if "=" in part and "." not in part}
    assert {(group, f"{option}.yaml") for group, option in chosen} == used
