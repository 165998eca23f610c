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
UNSEEN = IGNORABLE + r"\u2800\ufff9-\ufffb\U0001d159\U00013441\U00013442"
"""All that nobody sees: the class, braille without a dot, anchors of annotations, a note without a head, hieroglyphs' blanks."""
_UNSEEN = re.compile(f"[{UNSEEN}]+")
_LOST = "\ufffc\ufffd"
"""What stands for something that was lost on the way."""
_NO_SIGNS = frozenset({"Cc", "Co", "Cs", "Mn", "Mc", "Me"})
"""Control characters, private ones, halves of pairs, and marks, which need a letter to stand on."""
# signs of a Unicode that this Python does not know yet: of pictures and ideographs, whole ranges are held free for them
_YET_TO_COME = (range(0x1F000, 0x1FB00), range(0x20000, 0x3FFFE))


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


def visible(text: str) -> str:
    """Return `text` with the code points of what nobody sees, `ann<U+200B>`: for whoever must tell two alike apart."""
    return text if text.isascii() else _UNSEEN.sub(_code_points, text)


def _code_points(found: re.Match[str]) -> str:
    return "".join(f"<U+{ord(char):04X}>" for char in found[0])


def says_something(text: str) -> bool:
    """Say whether a reader sees anything: not only blanks, marks without a letter, and what is invisible or no character."""
    return any(map(_is_sign, comparable(text)))


def _is_sign(char: str) -> bool:
    if char.isspace() or char in _LOST:
        return False
    category = unicodedata.category(char)
    return category not in _NO_SIGNS and (category != "Cn" or any(ord(char) in range for range in _YET_TO_COME))
