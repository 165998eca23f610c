"""The endings that English words lose: few and safe ones, since a stem that joins two words joins what they speak of."""

from __future__ import annotations

_VOWELS = frozenset("aeiouy")
_KEPT_S = ("ss", "us", "is", "ous")
_DOUBLE = frozenset("bdgmnprt")
_KEPT_WHOLE = """
news ios macos harmonyos gps sms css dns https always need speed feed during string thing bring ring king spring bed red led
"""
_WHOLE = frozenset(_KEPT_WHOLE.split())


def stem(word: str) -> str:
    """Return a folded Latin word without plural, past or progressive, and without a last e; other scripts as they are."""
    if word.endswith("'s"):
        word = word[:-2]
    if not word.isascii() or not word.isalpha() or len(word) < 4 or word in _WHOLE:
        return word
    return _without_e(_without_verb(_without_plural(word)))


def _without_plural(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith("s") and not word.endswith(_KEPT_S):
        return word[:-2] if word.endswith(("sses", "ches", "shes", "xes", "zzes")) else word[:-1]
    return word


def _without_verb(word: str) -> str:
    for ending in ("ing", "ed"):
        left = word.removesuffix(ending)
        if left != word and len(left) >= 3 and not _VOWELS.isdisjoint(left):
            if ending == "ed" and left.endswith("i"):
                return f"{left[:-1]}y"
            return left[:-1] if left[-1] == left[-2] and left[-1] in _DOUBLE else left
    return word


def _without_e(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("e") and not word.endswith("ee") else word
