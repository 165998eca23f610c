"""Find the words of both lexicons in a text, clause by clause, with what negates and what strengthens them."""

from __future__ import annotations

from dataclasses import dataclass

from opsloop_feedback.triage import lexicon_en, lexicon_zh
from opsloop_feedback.triage.lexicon import Entry, Tag, by_first, entries
from opsloop_feedback.triage.words import BREAKS, is_han, segments, tokens

CHINESE = entries(lexicon_zh.GROUPS)
ENGLISH = entries(lexicon_en.GROUPS)
EMOJI = entries(lexicon_en.EMOJI)
_CHINESE_INDEX = by_first((word for word in CHINESE if len(word) > 1), 2)
_PHRASES = {word: tuple(tokens(word)) for word in ENGLISH}
_ENGLISH_INDEX: dict[str, list[str]] = {}
for _word in sorted(_PHRASES, key=lambda word: (-len(_PHRASES[word]), word)):
    _ENGLISH_INDEX.setdefault(_PHRASES[_word][0], []).append(_word)

# how many words a negation (over passing words only) and a degree reach
NEGATION_REACH = 4
DEGREE_REACH = 2
LONGEST_HEAD = max(map(len, lexicon_zh.HEADS))
_NAMED_TROUBLE = Tag.CRASH | Tag.LOSS | Tag.EXPOSED
LONE_NO = frozenset((lexicon_zh.LONE_NO + " " + lexicon_en.LONE_NO).split())
HEADS = frozenset(lexicon_en.HEADS.split())
PASSING = frozenset((lexicon_zh.PASSING + lexicon_en.PASSING).split())


@dataclass(slots=True)
class Hit:
    """A word that was found, whether it is negated, and the factor of the degree words before it."""

    entry: Entry
    negated: bool = False
    factor: float = 1.0


Clause = list[Hit]
"""What was found between two clause marks."""


@dataclass
class Scan:
    """What was found in a text."""

    clauses: list[Clause]
    question_marks: int
    exclamation_marks: int
    han: int
    latin: int


def _is_compound(entry: Entry, after: str) -> bool:
    """Say whether the next word makes another thing of a trouble: data loss prevention, 崩溃监控; but not `leaked reports`."""
    if not entry.tags & _NAMED_TROUBLE or entry.word.endswith("ed"):
        return False
    return after in HEADS or after.startswith(lexicon_zh.HEADS)


def scan(folded: str) -> Scan:
    """Read folded text once, from left to right, the longest entry first."""
    result = Scan([[]], 0, 0, 0, 0)
    reader = _Reader(result)
    words = tokens(folded)
    at = 0
    while at < len(words):
        word = words[at]
        if word in EMOJI:
            reader.found(EMOJI[word])
        elif word in BREAKS:
            reader.mark(word)
        elif is_han(word):
            result.han += len(word)
            _read_chinese(word, reader)
        else:
            result.latin += word.isalpha()
            phrase = _english_at(words, at)
            if phrase is None:
                reader.plain(word)
            else:
                at += len(_PHRASES[phrase]) - 1
                reader.found(ENGLISH[phrase], after=words[at + 1] if at + 1 < len(words) else "\n")
        at += 1
    reader.mark("\n")
    return result


def _english_at(words: list[str], at: int) -> str | None:
    for phrase in _ENGLISH_INDEX.get(words[at], ()):
        parts = _PHRASES[phrase]
        if len(parts) == 1 or tuple(words[at : at + len(parts)]) == parts:
            return phrase
    return None


def _read_chinese(run: str, reader: _Reader) -> None:
    """Match phrases by character; a match begins and ends where dictionary words do (支持闪退款 holds no 闪退)."""
    starts: dict[int, str] = {}
    place = 0
    for segment in segments(run):
        starts[place] = segment
        place += len(segment)
    edges = {*starts, place}
    at = 0
    while at < len(run):
        entry = _chinese_at(run, at, edges)
        if entry is not None and not (entry.tags & Tag.CLOSING and at + len(entry.word) < len(run)):
            reader.found(entry, after=run[at + len(entry.word) :][:LONGEST_HEAD])
            at += len(entry.word)
            continue
        if at in edges:
            reader.plain(starts[at])
        at += 1


def _chinese_at(run: str, at: int, edges: set[int]) -> Entry | None:
    for word in _CHINESE_INDEX.get(run[at : at + 2], ()):
        if run.startswith(word, at) and at in edges and at + len(word) in edges:
            return CHINESE[word]
    if at in edges and at + 1 in edges:
        return CHINESE.get(run[at])
    return None


class _Reader:
    """Keeps what the words before mean for the next one."""

    def __init__(self, result: Scan) -> None:
        self._scan = result
        self._negated_for = 0
        self._factor = 1.0
        self._factor_for = 0
        self._asked: Clause = []
        self._says_only_no = False

    def mark(self, mark: str) -> None:
        """Read a clause mark: it ends what negations and degrees reach."""
        if self._says_only_no and self._asked:
            self._answer_no()
        self._scan.question_marks += mark in "?？"
        self._scan.exclamation_marks += mark in "!！"
        self._asked = self._scan.clauses[-1] if mark in "?？" else []
        self._next_clause()

    def plain(self, word: str) -> None:
        """Read a word that no lexicon has."""
        self._says_only_no, self._asked = word in LONE_NO, self._asked if word in LONE_NO else []
        self._negated_for = self._negated_for - 1 if word in PASSING else 0
        self._factor_for -= 1

    def found(self, entry: Entry, after: str = "") -> None:
        """Read an entry and the word after it, which may say what becomes of it."""
        if _is_compound(entry, after):
            self.plain(entry.word)
            return
        if entry.word == "since" and after in BREAKS:
            entry = ENGLISH["since then"]
        tags = entry.tags
        self._says_only_no, self._asked = entry.word in LONE_NO, self._asked if entry.word in LONE_NO else []
        if tags & Tag.BREAK:
            self._next_clause()
        if tags & Tag.NEGATE:
            # 并非没有: two negations cancel each other
            self._negated_for = 0 if self._negated_for > 0 else NEGATION_REACH + 1
            return
        if tags & Tag.DEGREE:
            standing = self._factor if self._factor_for > 0 else 0.0
            self._factor, self._factor_for = max(entry.weight, standing), DEGREE_REACH + 1
            return
        factor = self._factor if self._factor_for > 0 else 1.0
        is_free = after == lexicon_en.FREE and entry.weight < 0
        self._scan.clauses[-1].append(Hit(entry, self._negated_for > 0 or is_free, factor))
        if entry.weight:
            self._factor_for = 0
        if entry.weight or tags & Tag.QUESTION:
            self._negated_for = 0

    def _answer_no(self) -> None:
        """Read that what was asked is not so: then nobody asks any more."""
        fixed = [hit for hit in self._asked if hit.entry.tags & Tag.FIXED]
        for hit in fixed or self._asked:  # is the crash fixed? No
            hit.negated = not hit.negated
        self._scan.question_marks -= 1
        self._asked, self._says_only_no = [], False

    def _next_clause(self) -> None:
        self._negated_for = self._factor_for = 0
        if self._scan.clauses[-1]:
            self._scan.clauses.append([])
