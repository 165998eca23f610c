"""Decide which terms a text is found by: the same for what is stored and for what is asked.

Text is folded as triage folds it (NFKC, lower case, traditional → simplified). Latin words lose their endings, Chinese is cut into
words and neighbouring pairs of characters, and what several words call one thing becomes one term, in both languages.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple

import rjieba

from opsloop_feedback.terms import glossary, stopping
from opsloop_feedback.terms.stems import stem
from opsloop_feedback.triage.rules import searchable as fold

ENGINE = 1
"""What is stored says which rules it was cut by: a release that cuts otherwise cuts again."""
READ_CHARACTERS = 4_000
MOST_TERMS = 200
TERM_CHARACTERS = 64
ASKED_TERMS = 16
SYNONYM_UNITS = 6
"""Words, or pieces of Chinese, that one synonym may consist of."""
ALIKE_CHARACTERS = 8_000
"""Of so many a repeat may differ in its spelling, which takes up to 8 ms to find out."""
REPEAT_CHARACTERS = 8
"""Shorter texts ("好", "crash") are said by people who mean different things, so they are no repeats of each other."""

_IDEOGRAPHIC = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
_UNIT = re.compile(rf"[{_IDEOGRAPHIC}]+|\d+(?:\.\d+)*|[^\W\d_{_IDEOGRAPHIC}]+(?:'[^\W\d_{_IDEOGRAPHIC}]+)*")
_IS_IDEOGRAPHIC = re.compile(rf"[{_IDEOGRAPHIC}]")
_ASKING = re.compile("|".join(stopping.ASKING))
_HARMLESS = re.compile("|".join(sorted(stopping.HARMLESS, key=len, reverse=True)))
_LATIN = re.compile(r"[a-z]+(?:'[a-z]+)?")
_SPOKEN = re.compile(rf"[{_IDEOGRAPHIC}]|\d+(?:[.,:]\d+)*|[^\W\d_{_IDEOGRAPHIC}]+|[$€£¥%+#<>=]")

Units = tuple[str, ...]
CLASSES: tuple[frozenset[str], ...] = tuple(
    frozenset(f"={name}" if name in glossary.NAMES else name for name in one) for one in glossary.CLASSES
)
"""Terms of which a text speaks of one: what speaks of another one means something else."""


@dataclass(frozen=True)
class Vocabulary:
    """Which sequences of words mean which term, and which Chinese words a workspace has that no dictionary knows."""

    terms: Mapping[Units, str]
    reach: Mapping[str, int]
    """How many words the longest sequence has that begins with one."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By their first characters, the longest first."""


@dataclass(frozen=True)
class Terms:
    """What a text is found by. `shown` says of each term how the text puts it, in the order of the text."""

    shown: Mapping[str, str]
    in_title: int
    """So many of the first terms stand in the title."""
    is_denial: bool
    numbers: frozenset[str]

    @property
    def all(self) -> list[str]:
        """Return the terms, those of the title first."""
        return list(self.shown)


@cache
def base() -> Vocabulary:
    """Return what is shipped."""
    return _of(_compiled(glossary.GROUPS, _of({})))


def _of(terms: Mapping[Units, str], words: Mapping[str, tuple[str, ...]] | None = None) -> Vocabulary:
    reach: dict[str, int] = {}
    for units in terms:
        reach[units[0]] = max(len(units), reach.get(units[0], 0))
    return Vocabulary(terms, reach, words or {})


@lru_cache(maxsize=64)
def vocabulary(groups: tuple[tuple[str, ...], ...]) -> Vocabulary:
    """Return what is shipped with a workspace's own synonyms, which win."""
    words: dict[str, tuple[str, ...]] = {}
    for term in sorted({fold(term) for group in groups for term in group}, key=len, reverse=True):
        if _is_one_run(term):
            words[term[0]] = (*words.get(term[0], ()), term)
    return _of({**base().terms, **_compiled(groups, _of({}, words), known=base().terms)}, words)


def _is_one_run(term: str) -> bool:
    return len(term) > 1 and all(_IS_IDEOGRAPHIC.match(each) for each in term)


def _compiled(
    groups: Iterable[Sequence[str]], cut_by: Vocabulary, known: Mapping[Units, str] | None = None
) -> dict[Units, str]:
    """Return the term of each sequence. A group that names what is known already joins it."""
    compiled: dict[Units, str] = {}
    for group in groups:
        sequences = [units for term in group if (units := _key(term, cut_by))]
        plainly = (_key(term, _of({})) for term in group) if known else ()
        joined = next((known[units] for units in plainly if known and units in known), None)
        for units in sequences:
            compiled[units] = joined or f"={fold(group[0])}"
    return compiled


def _key(term: str, cut_by: Vocabulary) -> Units:
    return tuple(unit.key for unit in _units(fold(term), cut_by))[:SYNONYM_UNITS]


class _Unit(NamedTuple):
    key: str
    shown: str
    start: int
    run: int
    """Which run of characters it is of; Chinese words are of one where nothing stands between them."""


class _Found(NamedTuple):
    term: str
    shown: str
    start: int
    end: int


def _units(folded: str, cut_by: Vocabulary) -> list[_Unit]:
    units: list[_Unit] = []
    for index, found in enumerate(_UNIT.finditer(folded)):
        run, start = found.group(), found.start()
        if not _IS_IDEOGRAPHIC.match(run):
            if run in stopping.DETERMINERS:  # "reset my password" is to reset the password
                continue
            units.append(_Unit(stem(run[:TERM_CHARACTERS]), run[:TERM_CHARACTERS], start, -1))
            continue
        for piece in _pieces(run, cut_by):
            units.append(_Unit(piece, piece, start, index))
            start += len(piece)
    return units


def _pieces(run: str, cut_by: Vocabulary) -> Iterator[str]:
    start = at = 0
    while cut_by.words and at < len(run):
        word = next((word for word in cut_by.words.get(run[at], ()) if run.startswith(word, at)), "")
        if word:
            yield from _cut(run[start:at])
            yield word
            start = at + len(word)
        at += len(word) or 1
    yield from _cut(run[start:])


def _cut(run: str) -> list[str]:
    return rjieba.cut(run, False) if len(run) > 1 else [run] if run else []


def read(body: str, title: str | None = None, *, by: Vocabulary | None = None) -> Terms:
    """Return what a post is found by, from its first characters."""
    by = by or base()
    shown: dict[str, str] = {}
    folded_title = fold(title[:READ_CHARACTERS]) if title else ""
    folded = fold(body[:READ_CHARACTERS])
    for found in _found(folded_title, by):
        shown.setdefault(found.term, found.shown)
    in_title = min(len(shown), MOST_TERMS)
    for found in _found(folded, by):
        if len(shown) >= MOST_TERMS:
            break
        shown.setdefault(found.term, found.shown)
    kept = dict(list(shown.items())[:MOST_TERMS])
    numbers = frozenset(term for term in kept if term[0].isdigit())
    return Terms(kept, in_title, _denies(f"{folded_title}\n{folded}") or not _TROUBLE.isdisjoint(kept), numbers)


def asked(query: str, *, by: Vocabulary | None = None) -> list[str]:
    """Return the terms that a post must have to be found by a query: long Chinese words as their pairs, which all posts have.

    A dictionary cuts a word otherwise where others stand beside it; what stands beside each other always does.
    """
    found = {one.term: one.shown for one in _found(fold(query), by or base())}
    hans = {term for term in found if _IS_IDEOGRAPHIC.match(term)}
    pairs = {pair for term in hans if len(term) > 2 for pair, _ in _paired(term)}
    single = {term for term in hans if len(term) == 1 and any(term in other for other in hans if len(other) > 1)}
    kept = [term for term in found if term not in single and not (term in hans and len(term) > 2)]
    return list(dict.fromkeys([*kept, *sorted(pairs)]))[:ASKED_TERMS]


def spans(text: str, terms: Collection[str], *, by: Vocabulary | None = None) -> list[tuple[int, int]]:
    """Return where a text speaks of some terms, from its first characters; what overlaps or touches is one."""
    folded, places = _folded_with_places(text[:READ_CHARACTERS])
    wanted = frozenset(terms)
    merged: list[tuple[int, int]] = []
    for one in sorted(found[2:] for found in _found(folded, by or base()) if found.term in wanted):
        start, end = places[one[0]], places[one[1] - 1] + 1
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


@lru_cache(maxsize=4_096)
def _folded(character: str) -> str:
    return fold(character)


def _folded_with_places(text: str) -> tuple[str, list[int]]:
    parts = [_folded(character) for character in text]
    return "".join(parts), [at for at, part in enumerate(parts) for _ in part]


def _found(folded: str, by: Vocabulary) -> Iterator[_Found]:
    units = _units(_ASKING.sub(lambda phrase: " " * len(phrase.group()), folded), by)
    at = 0
    stretch: list[_Unit] = []
    while at < len(units):
        length, term = _known_at(units, at, by)
        if length:
            yield from _plain(stretch, by)
            stretch = []
            first, last = units[at], units[at + length - 1]
            end = last.start + len(last.shown)
            yield _Found(term, folded[first.start : end], first.start, end)
            if length > 1:
                yield from _within(units[at : at + length], by)
            at += length
        else:
            stretch.append(units[at])
            at += 1
    yield from _plain(stretch, by)


def _known_at(units: Sequence[_Unit], at: int, by: Vocabulary) -> tuple[int, str]:
    for length in range(min(by.reach.get(units[at].key, 0), len(units) - at), 0, -1):
        found = by.terms.get(tuple(unit.key for unit in units[at : at + length]))
        if found is not None:
            return length, found
    return 0, ""


def _within(units: Sequence[_Unit], by: Vocabulary) -> Iterator[_Found]:
    """Return the things that a name of several words is made of: who forgot a password speaks of a password."""
    for unit in units:
        if (known := by.terms.get((unit.key,))) is not None:
            yield _Found(known, unit.shown, unit.start, unit.start + len(unit.shown))


def _plain(units: Sequence[_Unit], by: Vocabulary) -> Iterator[_Found]:
    """Return the terms of words that no synonym took: each, the words in long Chinese ones, and neighbouring characters."""
    run: list[_Unit] = []
    for unit in units:
        if run and unit.run != run[0].run:
            yield from _pairs(run)
            run = []
        end = unit.start + len(unit.shown)
        if unit.run < 0:
            if unit.shown not in stopping.ENGLISH and unit.key not in stopping.ENGLISH and not _is_denial(unit.shown):
                yield _Found(unit.key, unit.shown, unit.start, end)
            continue
        if unit.shown in stopping.CHINESE or len(unit.shown) > TERM_CHARACTERS:
            yield from _pairs(run)
            run = []
            continue
        run.append(unit)
        yield _Found(unit.shown, unit.shown, unit.start, end)
        if len(unit.shown) > 2:
            within = (word for word in rjieba.cut_for_search(unit.shown, False) if len(word) > 1)
            yield from (_Found(by.terms.get((word,), word), word, unit.start, end) for word in within)
    yield from _pairs(run)


def _pairs(run: Sequence[_Unit]) -> Iterator[_Found]:
    start = run[0].start if run else 0
    for pair, at in _paired("".join(unit.shown for unit in run)):
        yield _Found(pair, pair, start + at, start + at + 2)


def _paired(run: str) -> Iterator[tuple[str, int]]:
    for at in range(len(run) - 1):
        pair = run[at : at + 2]
        if pair not in stopping.CHINESE:
            yield pair, at


def _is_denial(word: str) -> bool:
    return word.endswith("n't") or word in stopping.DENYING_ENGLISH


def _denies(folded: str) -> bool:
    left = _HARMLESS.sub(" ", folded)
    return not stopping.DENYING_CHINESE.isdisjoint(left) or any(map(_is_denial, _LATIN.findall(left)))


_TROUBLE = frozenset(f"={word}" for word in glossary.TROUBLE)


def likeness(text: str, title: str | None, *, about: Sequence[str | None]) -> bytes | None:
    """Return what posts share that say the same about the same, or None of one too short to be sure.

    Case, width, script, spaces and punctuation make no difference, but whether it asks; in what comes after the first characters
    of a long text each of them does.
    """
    folded, rest = fold(f"{title or ''}\n{text[:ALIKE_CHARACTERS]}"), text[ALIKE_CHARACTERS:]
    spoken = _SPOKEN.findall(folded)
    if sum(map(len, spoken)) < REPEAT_CHARACTERS:
        return None
    # words apart, so that 5.1 0 is not 5.10; and who asks whether it works does not say that it does
    whole = "\0".join([*(part or "" for part in about), "?" if "?" in folded else "", "\1".join(spoken)])
    whole += f"\0{rest}" if rest else ""
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).digest()


def is_word(term: str) -> bool:
    """Say whether a term is a word rather than two characters that happen to stand together."""
    return len(term) != 2 or _IS_IDEOGRAPHIC.match(term) is None or bool(rjieba.has_word(term))
