"""Regular expressions that others give, in linear time: RE2's syntax and engine, small programs only.

Python's own engine tries again and again, so a short pattern keeps it busy for ever on a short text. RE2 reads each character once
for each step of its program at most; what keeps that short is a bound on the program and on the text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

MAX_PATTERN = 200
MAX_STEPS = 500
"""Of a compiled pattern: (.*){50}q has 454 and took 18 ms on 10,000 characters with too little memory, 0.05 with enough."""
READ_CHARACTERS = 10_000
_MEMORY_BYTES = 512 * 1024  # of a pattern: its program, and the states that its runs remember
_PATTERNS_KEPT = 200
_TOO_LARGE = "pattern too large"
_TOLD_WHOLE = frozenset({"missing )", "unexpected )"})
"""What RE2 tells with the whole pattern instead of the piece that is wrong."""


def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    options.never_capture = True
    return re2.compile(pattern, options)


_compiled = lru_cache(maxsize=_PATTERNS_KEPT)(_compile)


def flaw(pattern: str) -> str | None:
    """Return what is wrong with a pattern and at which character, without repeating it; None when it can be used."""
    if len(pattern) > MAX_PATTERN:
        return f"must not have more than {MAX_PATTERN} characters"
    fault = _fault(pattern)
    if fault is not None and not fault[0].startswith(_TOO_LARGE):
        return f"is no regular expression of RE2: {fault[0]}, at character {_position(pattern, *fault)}"
    if fault is not None or _compiled(pattern).programsize > MAX_STEPS:
        return f"is too large: it must compile to at most {MAX_STEPS} steps"
    return None


def matches(pattern: str, text: str) -> bool:
    """Say whether a pattern without a flaw matches anywhere in a text, of which the first 10,000 characters are read."""
    return _compiled(pattern).search(text[:READ_CHARACTERS]) is not None


def _fault(pattern: str) -> tuple[str, str] | None:
    """Return RE2's words for what is wrong, and the piece of the pattern that it names."""
    try:
        _compile(pattern)
    except re2.error as error:
        said = error.args[0].decode(errors="replace")
        kind, _, piece = said.partition(": ")
        return kind, piece
    return None


def _position(pattern: str, kind: str, piece: str) -> int:
    """Return at which character, from 1, the piece begins: it ends where the shortest beginning of the pattern has the same fault."""
    if kind == "missing )":
        return len(pattern) + 1
    for end in range(1, len(pattern) + 1):
        fault = _fault(pattern[:end])
        if fault == (kind, piece) or (fault is not None and fault[0] == kind in _TOLD_WHOLE):
            return end if kind in _TOLD_WHOLE else end - max(len(piece), 1) + 1
    return 1
