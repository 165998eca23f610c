"""What fits into a mail's header. Pure."""

from __future__ import annotations

import re

# marks that turn the order of what follows would turn the reader's own list of mails too; joiners and selectors make one sign of many
_TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_GAPS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def one_line(text: str) -> str:
    """Return text fit for a mail header: line breaks and control characters become spaces, all else stays as it is."""
    return _GAPS.sub(" ", _TURNS.sub("", text)).strip()
