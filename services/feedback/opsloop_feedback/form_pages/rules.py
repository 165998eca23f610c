"""Decisions of a form's page: which language, what an answer may be, and what only a machine would send. Pure."""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from opsloop_common.foreign import readable as readable_by
from opsloop_common.mailboxes import address_flaw
from opsloop_feedback.form_pages.words import FLAWS, KINDS, RATINGS, Pair
from opsloop_feedback.forms.rules import Ask, key_of
from opsloop_feedback.submissions.rules import readable

BODY = "body"
TRAP = "website"
"""A field that nobody sees: who fills it in is no person."""
SHOWN = "shown"
LONGEST = {BODY: 10_000, Ask.TITLE: 300, Ask.NAME: 200, Ask.EMAIL: 254, Ask.TEXT: 500}
"""Characters; with all fields of a form they come to less than a page's form may have."""
FASTEST = timedelta(seconds=2)
"""A person has not read the page by then."""
OLDEST = timedelta(hours=24)

Sign = Callable[[bytes], bytes]
_SHOWN = re.compile(r"([0-9a-f]{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})")
_WISH = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,30})?\s*(?:;\s*q=([01](?:\.[0-9]{1,3})?))?\s*")
_WISHES = 20
_REFERENCE = re.compile(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}")
_SIGNS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ")


class Fate(StrEnum):
    """What becomes of what was sent, before anybody looks at what it says."""

    TAKEN = "received"
    HONEYPOT = "honeypot"
    TOO_FAST = "too_fast"
    TOO_OLD = "too_old"


@dataclass(frozen=True)
class Showing:
    """When a page was shown, and which showing of it that was."""

    at: datetime
    nonce: str


@dataclass(frozen=True)
class Answers:
    """What was typed, by field; what it comes to where it can be taken, and else what is wrong with it."""

    typed: Mapping[str, str]
    said: Mapping[str, Any]
    flaws: Mapping[str, Pair]


def languages(locales: Sequence[str], wanted: str | None, accepted: str) -> list[str]:
    """Return the languages of a page, first the one to show: as its switch says, else as the browser prefers, else the form's first."""
    if wanted in locales:
        first = str(wanted)
    else:
        weights = _weights(accepted)
        first = max(locales, key=lambda locale: (weights.get(locale, 0.0), -locales.index(locale)))
    return [first, *(locale for locale in locales if locale != first)]


def _weights(accepted: str) -> dict[str, float]:
    """Return what a browser prefers (RFC 9110, 12.5.4)."""
    weights: dict[str, float] = {}
    for wish in map(_WISH.fullmatch, accepted.split(",", _WISHES)[:_WISHES]):
        if wish is not None:
            language = wish[1].lower()
            weights[language] = max(weights.get(language, 0.0), float(wish[2] or 1))
    return weights


def token_of(showing: Showing, form_id: UUID, sign: Sign) -> str:
    """Return what a page carries of when it was shown, which only we can make."""
    said = f"{int(showing.at.timestamp() * 1000):x}.{showing.nonce}"
    return f"{said}.{sign(f'{form_id}.{said}'.encode()).hex()}"


def read_token(token: str, form_id: UUID, sign: Sign) -> Showing | None:
    """Return what a page of the form says of when it was shown, None for what we did not make."""
    match = _SHOWN.fullmatch(token)
    if match is None or sign(f"{form_id}.{match[1]}.{match[2]}".encode()).hex() != match[3]:
        return None
    at = readable_by(lambda text: datetime.fromtimestamp(int(text, 16) / 1000, UTC), match[1])
    return None if at is None else Showing(at, match[2])


def fate(showing: Showing | None, trap: str, now: datetime) -> Fate:
    """Say what becomes of what was sent; without a showing of ours it is as old as can be, and asked for again."""
    if trap:
        return Fate.HONEYPOT
    if showing is None or now - showing.at > OLDEST:
        return Fate.TOO_OLD
    return Fate.TOO_FAST if now - showing.at < FASTEST else Fate.TAKEN


def reference(showing: Showing, typed: Mapping[str, str], sign: Sign) -> str:
    """Return by what a visitor can name what they sent: the same for the same words on the same page, which are sent once."""
    said = orjson.dumps([showing.nonce, dict(typed)], option=orjson.OPT_SORT_KEYS)
    signs = b32encode(sign(said)[:10]).translate(_SIGNS).decode()
    return "-".join(signs[place : place + 4] for place in range(0, 16, 4))


def read_reference(text: str) -> str | None:
    """Return a reference, None for what is none."""
    return text if _REFERENCE.fullmatch(text) else None


def read_answers(fields: Sequence[Mapping[str, Any]], sent: Mapping[str, str]) -> Answers:
    """Return what was typed into the fields of a form, and what it comes to as parts of a post."""
    typed: dict[str, str] = {}
    said: dict[str, Any] = {}
    own: dict[str, Any] = {}
    flaws: dict[str, Pair] = {}
    asked = [{"ask": BODY, "name": None, "required": True, "options": []}, *fields]
    for field in asked:
        key = key_of(field)
        text = typed[key] = sent.get(key, "").replace("\r\n", "\n")
        value, flaw = _value(field, text)
        if flaw is not None:
            flaws[key] = flaw
        elif value is not None:
            (own if key.startswith("own.") else said)[field["name"] or key] = value
    return Answers(typed, said | ({"answers": own} if own else {}), flaws)


def _value(field: Mapping[str, Any], text: str) -> tuple[Any, Pair | None]:
    """Return what an answer comes to, None where nothing was answered, or what is wrong with it."""
    ask, needed = field["ask"], field["required"]
    match ask:
        case Ask.YES:
            return (None, FLAWS["unticked"]) if needed and not text else (bool(text), None)
        case Ask.RATING | Ask.KIND | Ask.CHOICE:
            choices = RATINGS if ask == Ask.RATING else KINDS
            known = {option["value"] for option in field["options"]} or choices.keys()
            if not text and not needed:
                return None, None
            if text not in known:
                return None, FLAWS["unchosen"]
            return (int(text) if ask == Ask.RATING else text), None
        case _:
            return _worded(ask, text, needed=needed)


def _worded(ask: str, text: str, *, needed: bool) -> tuple[str | None, Pair | None]:
    text = text.strip()
    if not text:
        return None, FLAWS["missing"] if needed else None
    most = LONGEST[ask]
    if len(text) > most:
        english, chinese = FLAWS["long"]
        return None, (english.format(most=f"{most:,}"), chinese.format(most=f"{most:,}"))
    if ask == Ask.EMAIL:
        is_address = address_flaw(text) is None and "." in text.rpartition("@")[2]
        return (text, None) if is_address else (None, FLAWS["address"])
    kept = readable_by(readable, text)
    return (None, FLAWS["unreadable"]) if kept is None else (kept, None)
