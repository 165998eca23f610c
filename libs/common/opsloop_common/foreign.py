"""Text of strangers meets parsers of others: whatever such a parser raises means that the text cannot be read.

Which types one raises is nobody's promise. They differ by release and by input (`parsedate_to_datetime` has raised ValueError,
TypeError, OverflowError and IndexError, PyJWT a RecursionError), so a list of them made by hand always lacks one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from opsloop_common.errors import DomainError

T = TypeVar("T")


class Unreadable(ValueError):
    """Foreign text is not what it should be; `__cause__` is what its parser raised. The message never repeats the text."""


class _Reading:
    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, DomainError | Unreadable):
            raise Unreadable(type(error).__name__) from error


_READING = _Reading()


def reading() -> _Reading:
    """Turn whatever is raised inside into Unreadable, but for refusals of ours (DomainError). Put a parser's call inside, no more."""
    return _READING


def readable(parse: Callable[..., T], *text: object) -> T | None:
    """Return what a parser makes of a text, None when it cannot be read."""
    try:
        with reading():
            return parse(*text)
    except Unreadable:
        return None
