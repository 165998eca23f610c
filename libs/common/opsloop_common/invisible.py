"""What nobody sees in a text: kept for showing, left out for comparing, and never something that was said.

The class is Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt): joiners, marks of direction, variation
selectors, fillers, tags; and what is blank without being white space. A compatibility normalisation makes none of them out of other
characters.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

IGNORABLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    r"\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's class, as what stands between brackets in a regular expression of Python and of PostgreSQL."""
UNSEEN = IGNORABLE + r"\u2800\ufff9-\ufffb"
"""All that nobody sees: the class, braille without a dot, and the anchors of annotations."""
_UNSEEN = re.compile(f"[{UNSEEN}]+")


def comparable(text: str) -> str:
    """Return `text` as it is compared, sorted and searched: without what nobody sees."""
    return text if text.isascii() else _UNSEEN.sub("", text)


def comparable_value(value: Any) -> Any:
    """Return a JSON value with all its texts as they are compared; names of fields stay."""
    match value:
        case str():
            return comparable(value)
        case list():
            return [comparable_value(item) for item in value]
        case dict():
            return {name: comparable_value(item) for name, item in value.items()}
    return value


def says_something(text: str) -> bool:
    """Say whether a reader sees anything: not only blanks, control characters and what is invisible."""
    return any(not char.isspace() and unicodedata.category(char) != "Cc" for char in comparable(text))
