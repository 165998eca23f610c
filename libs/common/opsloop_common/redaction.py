"""What stands in the audit log in the place of what must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Withheld:
    """A value that the audit log must not hold. It can be told from another, and reads as the words in its place.

    No dataclass: those are written as JSON with all that is in them.
    """

    def __init__(self, value: Any, words: Callable[[Any], str]) -> None:
        self._value, self._words = value, words

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Withheld) and bool(self._value == other._value)

    def __str__(self) -> str:
        return self._words(self._value)


def text(value: Any) -> Withheld | None:
    """Stand in the audit log for what somebody wrote, or for who somebody is."""
    return None if value is None else Withheld(value, lambda _: "(text)")


def secret(value: Any) -> Withheld | None:
    """Stand in the audit log for what opens something."""
    return None if value is None else Withheld(value, lambda _: "(secret)")
