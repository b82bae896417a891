"""What a person who labels pairs sees on a terminal."""

from __future__ import annotations

import select
import sys
import unicodedata
from typing import Final

from rich.box import ROUNDED
from rich.console import Console, Group
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from karl.annotators.human.answers import Shown, ShownPair, printable
from karl.datasets.catalogue import TITLE
from karl.labels import FunctionLabel, Relation

__all__ = ["Screen", "describe"]

_KEYS: Final = "1–9 label   u undo   s skip for now   q quit   ? help"
_HELP: Final = """\
Type the number of the label that fits best, then Enter. The order of the items
matters: 2 and 3 say the same with the items exchanged, and so do 5 and 6.

  u   takes the last answer back and shows its pair again; goes back further
      when repeated
  s   puts this pair off until all others are labelled
  m   shows in full what is cut with …
  q   ends here; all answers are kept, and the same command asks for the rest
"""

_LONGEST: Final = 200
_WIDEST: Final = 110
_WIDEST_NAME: Final = 16
_STYLE: Final = {
    Relation.COMPLEMENTARY: "green",
    Relation.SUBSTITUTE: "yellow",
    Relation.UNRELATED: "bright_black",
}
_ITEM_STYLE: Final = {1: "cyan", 2: "magenta"}


def describe(label: int) -> str:
    """Return a label in words."""
    return f"{label} · {FunctionLabel(label).wording}"


class Screen:
    """Shows pairs and reads keys, a line at a time."""

    def __init__(self, console: Console | None = None) -> None:
        # stderr, so that what a command prints can be redirected.
        self._console = console or Console(stderr=True, highlight=False)

    def show(self, pair: ShownPair, place: str, news: str, *, whole: bool = False) -> None:
        """Clear the screen and show a pair with the nine labels.

        `place` says how far the labelling is, `news` what became of the key
        before. Long texts are cut unless they are to be shown whole.
        """
        parts = Group(
            Rule(Text(place, style="bold"), style="bright_black"),
            Text(printable(news), style="bright_black", no_wrap=True, overflow="ellipsis"),
            _items(pair.items, whole),
            Padding(_labels(), (1, 1)),
            Text(f" {_KEYS}", style="bright_black"),
        )
        self._console.clear()
        self._console.print(parts, width=min(self._console.width, _WIDEST))

    def say(self, text: str) -> None:
        """Print a message below what is shown."""
        self._console.print(Text(printable(text), style="yellow"))

    def help(self) -> None:
        """Explain the keys."""
        self._console.print(Text(_HELP))

    def ask(self, prompt: str = "label") -> str:
        """Read what is typed; "q" where there is nothing more to read."""
        self._console.print(Text(f" {prompt} › ", style="bold"), end="")
        if sys.platform != "win32":
            # Ctrl-C ends this wait, but not always one in `input`: polars has reads restarted.
            select.select([sys.stdin], [], [])
        try:
            line = input()
        except EOFError:
            return "q"
        except UnicodeDecodeError:
            return "\ufffd"
        # Japanese keyboards type full-width digits.
        return unicodedata.normalize("NFKC", line).strip().lower()


def _items(shown: tuple[Shown, Shown], whole: bool) -> Table:
    """Lay items side by side, so that each column can be compared."""
    columns = sorted(shown[0] | shown[1], key=lambda column: column != TITLE)
    named = columns != [TITLE]
    table = Table(box=ROUNDED, expand=True, border_style="bright_black")
    if named:
        table.add_column(style="bright_black", max_width=_WIDEST_NAME)
    for number, style in _ITEM_STYLE.items():
        table.add_column(Text(f"item {number}", style=f"bold {style}"), ratio=1, overflow="fold")
    for column in columns:
        style = "bold" if column == TITLE else ""
        values = [Text(_cut(item.get(column, "–"), whole), style=style) for item in shown]
        name = Text(printable(column).replace("_", " "))
        table.add_row(*([name] if named else []), *values)
    return table


def _cut(text: str, whole: bool) -> str:
    text = printable(text)
    return text if whole or len(text) <= _LONGEST else f"{text[:_LONGEST]}… (m shows all)"


def _labels() -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(justify="right", style="bold")
    table.add_column(ratio=1)
    table.add_column(justify="right")
    for label in FunctionLabel:
        wording = Text(label.wording)
        for number, style in _ITEM_STYLE.items():
            wording.highlight_words([f"item {number}"], style)
        relation = Text(label.relation.name.lower(), style=_STYLE[label.relation])
        table.add_row(str(int(label)), wording, relation)
    return table
