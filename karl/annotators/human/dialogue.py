"""One go at labelling pairs on a terminal: what is asked next, and what each key does."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from karl.annotators.human.answers import AnswerBook, ShownPair
from karl.annotators.human.screen import Screen, describe
from karl.labels import N_LABELS, NO_LABEL

__all__ = ["Dialogue"]

_DIGITS = {str(label): label for label in range(1, N_LABELS + 1)}


class Dialogue:
    """Asks for the answers that are missing until all are there or the person quits.

    Parameters
    ----------
    book : AnswerBook
        Open for writing; has every answer before the next question is shown.
    pairs : sequence of ShownPair
        Those that look the same are asked once.
    votes : int
        Answers on each pair. The second comes after all first ones, so that
        it is an opinion of its own.
    """

    def __init__(
        self, book: AnswerBook, screen: Screen, pairs: Sequence[ShownPair], votes: int
    ) -> None:
        self._book, self._screen, self._votes = book, screen, votes
        different = list({book.key(pair, 0): pair for pair in pairs}.values())
        self._n_pairs = len(different)
        codes = book.codes(different, votes)
        self._waiting = deque(
            (pair, vote)
            for vote in range(votes)
            for pair, row in zip(different, codes, strict=True)
            if row[vote] == NO_LABEL
        )
        self._given: list[tuple[ShownPair, int, int]] = []
        self._news = f"{self._n_kept} kept from before" if self._n_kept else ""

    def work(self) -> None:
        """Ask until nothing is missing.

        Raises
        ------
        KeyboardInterrupt
            If the person quits; all answers are kept.
        """
        while self._waiting or not self._confirmed():
            self._ask_one()

    def _ask_one(self) -> None:
        """Show the pair that is first in the queue and do what the keys say."""
        pair, vote = self._waiting[0]
        since, key = time.monotonic(), ""
        while key in ("", "m"):
            self._screen.show(pair, self._place(vote), self._news, whole=key == "m")
            key = self._key({*_DIGITS, "u", "s", "m", "q"}, "no such key; ? explains them")
        if key in _DIGITS:
            label = _DIGITS[key]
            self._book.write([self._book.answer(pair, vote, label, key)], time.monotonic() - since)
            self._waiting.popleft()
            self._given.append((pair, vote, label))
            self._news = f"before: {describe(label)}"
        elif key == "s":
            self._waiting.rotate(-1)
            self._news = "put off" if len(self._waiting) > 1 else "this is the only one left"
        else:
            self._undo()

    def _confirmed(self) -> bool:
        """Whether it is all right to go on; the last answer can still be taken back."""
        if not self._given:
            return True
        _, _, label = self._given[-1]
        self._screen.say(f"{describe(label)}. That was the last one: all are labelled.")
        complaint = "Enter goes on; u takes the last answer back; q quits"
        key = self._key({"", "u", "q"}, complaint, "Enter goes on, u undoes")
        if key == "u":
            self._undo()
        return key == ""

    def _key(self, keys: set[str], complaint: str, prompt: str = "label") -> str:
        """Return the first of some keys that is typed, other than those for help and quitting."""
        while (key := self._screen.ask(prompt)) not in keys:
            if key == "?":
                self._screen.help()
            elif key:
                self._screen.say(complaint)
        if key == "q":
            self._screen.say(f"Labels kept: {self._n_kept}, left: {len(self._waiting)}.")
            raise KeyboardInterrupt
        return key

    def _undo(self) -> None:
        if not self._given:
            self._news = "nothing to undo since this command was started"
            return
        pair, vote, label = self._given.pop()
        self._book.write([self._book.answer(pair, vote, None, "u")])
        self._waiting.appendleft((pair, vote))
        self._news = f"taken back: {describe(label)}"

    def _place(self, vote: int) -> str:
        left = sum(at == vote for _, at in self._waiting)
        place = f"pair {self._n_pairs - left + 1} of {self._n_pairs}"
        return f"{place}, pass {vote + 1} of {self._votes}" if self._votes > 1 else place

    @property
    def _n_kept(self) -> int:
        return self._n_pairs * self._votes - len(self._waiting)
