"""Shapes of wishes, failures, and trouble with money, in both languages: what no list of words can name.

All of them are looked for at once, by RE2, in one run over the text; only what was found is asked for its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import re2

from opsloop_feedback.verdicts import shapes_en, shapes_zh

WORDS_SHOWN = 60


class Sign(NamedTuple):
    """A shape: what it tells of, how strongly, and its pattern over folded text."""

    tells: str
    strength: float
    pattern: str


class Heard(NamedTuple):
    """A shape that was found, and the words of it."""

    tells: str
    strength: float
    words: str


WISH: Final = "wish"
FAILURE: Final = "failure"
ASKS: Final = "asks"
SUPPOSES: Final = "supposes"
GRIPE: Final = "gripe"
CHEER: Final = "cheer"
MONEY: Final = "payment_failed"
SECURITY: Final = "security"


def _signs(shapes: str, parts: Mapping[str, str]) -> Iterator[Sign]:
    for line in shapes.strip().replace("\n    ", "").split("\n"):
        tells, strength, pattern = line.split(" ", 2)
        for name, part in parts.items():
            pattern = pattern.replace(f"<{name}>", part)
        yield Sign(tells, float(strength), pattern)


SIGNS: tuple[Sign, ...] = (
    *_signs(shapes_en.SHAPES, shapes_en.PARTS),
    *_signs(shapes_zh.SHAPES, shapes_zh.PARTS),
)

_PERSONAL = """
like know understand think want need have care mind matter believe see get regret disappoint love hate say tell agree recommend bad wait
complain find feel expect remember worry it the a an my that this so too very really just any much enough worth good sure only in on at for
to as be been great all is are recognise recognize help stop ask trust give hesitate bother even buy afford use go come make do try hurt
always yet there me you
"""
_NO_FAILURE = frozenset(_PERSONAL.split())
"""After a negated auxiliary these tell of a person, not of a product that fails; what a person cannot do with it is in the lexicon."""
_WITH_IT = frozenset(["get", "find", "use", "see", "give", "go", "make", "do"])
_NEVER = _NO_FAILURE - _WITH_IT
_NEGATED = re.compile(r"[a-z]+n'?t |[a-z]+(?: not|not) ")
_CAN = re.compile(r"^(?:ca|could|wo)n'?t|^(?:can|could|will)(?: not|not)")
_IDIOMS = """
受不了 忍不了 少不了 错不了 免不了 大不了 停不下来 想不到 得不到 了不起 用不到 用不上 等不了 来不及 离不开 舍不得 爱不了 谈不上 算不上
比不上 称不上 赶不上 挑不出 说不上 说不出 看不上 跟不上 抵不上 感受不到 感觉不到 买不到 吃不到 玩不到 不得不 受不到 意想不到
"""
_NO_TROUBLE = frozenset(_IDIOMS.split())
_FINE = re.compile(
    r"(?:getting|gets) better|improving|growing|updating|coming|going|working|an issue|a problem|happen|crash|needed?|have to"
)
_IMPERATIVE = re.compile(shapes_zh.PARTS["ZSTART"] + r"(?:支持|提供|开放)")
_SUPPORTERS = re.compile(
    r" (?:was|is|are|were|team|staff|never|does|has|have|replie[ds]|said|told|agents?|desk|chat|tickets?|line|did|answer|people|'|[.,!])"
)
_ASKED = re.compile(shapes_zh.PARTS["IN"] + r"{0,30}(?:吗|么|嘛|[?？])")
_DENIED = re.compile(r"\b(?:never|not|no|without being)\b|n't\b|没有|从未")
_HYPOTHETICAL = re.compile(
    r"(?:what if|in case|\bif\b|when|never|without|how to|prevent|avoid|protect|怕|担心|如果|万一|假如|从未|没有|不会|防止"
    r"|避免)[^.!?。！？]{0,24}$"
)


@cache  # compiled when the first text comes: it is 20 ms of work
def _machine() -> tuple[Any, tuple[re.Pattern[str], ...]]:
    options = re2.Options()
    options.never_capture = True
    found = re2.Set.SearchSet(options)
    for sign in SIGNS:
        found.Add(sign.pattern)
    found.Compile()
    return found, tuple(re.compile(sign.pattern) for sign in SIGNS)


def heard(folded: str) -> list[Heard]:
    """Return the shapes in a folded text, each once, with the words that were its."""
    found, patterns = _machine()
    told: list[Heard] = []
    for at in sorted(found.Match(folded) or ()):
        sign = SIGNS[at]
        match = next((match for match in patterns[at].finditer(folded) if _is_meant(sign, match, folded)), None)
        if match is not None:
            told.append(Heard(sign.tells, sign.strength, _shown(match[0])))
    return told


def _is_meant(sign: Sign, match: re.Match[str], text: str) -> bool:
    words = match[0]
    if sign.tells == FAILURE:
        if _NEGATED.match(words) and words.rsplit(" ", 1)[-1] in (_NEVER if _CAN.match(words) else _NO_FAILURE):
            return False
        idiom = words[-4:] in _NO_TROUBLE or words[-3:] in _NO_TROUBLE
        return not idiom and not _FINE.search(text, match.start(), match.end() + 12)
    if sign.tells == WISH:
        if _IMPERATIVE.match(words):
            return not _ASKED.match(text, match.end())
        return not (words.endswith("support") and _SUPPORTERS.match(text, match.end()))
    if sign.tells == SECURITY and _DENIED.search(words):
        return False
    if sign.tells in (MONEY, SECURITY):
        return not _HYPOTHETICAL.search(text[max(0, match.start() - 40) : match.start()])
    return True


def _shown(words: str) -> str:
    return words.strip(" \n.!?;:,，。！？；、)]*-")[:WORDS_SHOWN]
