"""How words become entries that the scanner finds: the form of both lexicons, and their index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


class Tag:
    """What a word does to a sentence, besides being pleasant or unpleasant. Bits: an Enum's hash made triage four times slower."""

    DEFECT: Final = 1 << 0
    FAILS: Final = 1 << 1
    CRASH: Final = 1 << 2
    LOSS: Final = 1 << 3
    MONEY: Final = 1 << 4
    EXPOSED: Final = 1 << 5
    BLOCKED: Final = 1 << 6
    TRIVIAL: Final = 1 << 7
    PAYMENT: Final = 1 << 8
    DATA: Final = 1 << 9
    GONE: Final = 1 << 10
    SIGN_IN: Final = 1 << 11
    EVERYBODY: Final = 1 << 12
    URGENT: Final = 1 << 13
    IDEA: Final = 1 << 14
    QUESTION: Final = 1 << 15
    NEGATE: Final = 1 << 16
    DEGREE: Final = 1 << 17
    BREAK: Final = 1 << 18
    FIXED: Final = 1 << 19
    PAST: Final = 1 << 20
    AMOUNT: Final = 1 << 21
    UNKNOWN: Final = 1 << 22
    OTHERS: Final = 1 << 23
    SEEN: Final = 1 << 24
    PERSONAL: Final = 1 << 25
    CLOSING: Final = 1 << 26
    NOW: Final = 1 << 27
    PEOPLE: Final = 1 << 28
    MINE: Final = 1 << 29
    PAID: Final = 1 << 30
    UNRECEIVED: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Entry:
    """One word or phrase: how pleasant it is (−3…3; for a degree word the factor), and what else it says."""

    word: str
    weight: float
    tags: int


@dataclass(frozen=True)
class Group:
    """Words that mean the same to triage, separated by commas or line ends."""

    words: str
    weight: float = 0.0
    tags: int = 0


def entries(groups: Iterable[Group]) -> dict[str, Entry]:
    """Return the entries by word. A word in two groups keeps the first weight that is not 0, and the tags of both."""
    found: dict[str, Entry] = {}
    for group in groups:
        for word in filter(None, (part.strip() for part in group.words.replace("\n", ",").split(","))):
            for form in _forms(word):
                known = found.get(form)
                weight = (known.weight or group.weight) if known else group.weight
                found[form] = Entry(form, weight, group.tags | (known.tags if known else 0))
    return found


def _forms(word: str) -> list[str]:
    """Spell out a verb given as `crash+`: crash, crashes, crashed, crashing."""
    if not word.endswith("+"):
        return [word]
    stem = word[:-1]
    plural = stem + ("es" if stem.endswith(("s", "sh", "ch", "x", "z")) else "s")
    if stem.endswith("e"):
        return [stem, plural, stem + "d", stem[:-1] + "ing"]
    return [stem, plural, stem + "ed", stem + "ing"]


def by_first(words: Iterable[str], size: int) -> dict[str, list[str]]:
    """Index words by their first `size` characters, longest first, so that the longest match wins."""
    index: defaultdict[str, list[str]] = defaultdict(list)
    for word in sorted(words, key=lambda word: (-len(word), word)):
        index[word[:size]].append(word)
    return dict(index)
