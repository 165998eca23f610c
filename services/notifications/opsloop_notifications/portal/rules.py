"""What a link to an endpoint's page opens, and what the page may show. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from itertools import chain, combinations
from urllib.parse import urlsplit
from uuid import UUID

from opsloop_common.errors import Forbidden

LIVES = timedelta(days=1)
LIVES_AT_MOST = timedelta(days=7)
PAUSED = "paused"
"""Why an endpoint is disabled that its receiver paused: what its owner disabled only the owner enables."""
PAGE = 25
ATTEMPTS_SHOWN = 20
BODY_SHOWN_CHARACTERS = 64 * 1024
SPANS = {"PT1H": timedelta(hours=1), "P1D": timedelta(days=1), "P7D": timedelta(days=7)}
"""From when on a receiver may ask to get again what it missed."""
_WISH = re.compile(r"\s*([a-z]{2})[a-z0-9-]*\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*", re.IGNORECASE | re.ASCII)
_WISHES = 20


class Right(StrEnum):
    """What a link lets its holder do; all of them let it look."""

    VIEW = "view"
    RESEND = "resend"
    ROTATE = "rotate"
    PAUSE = "pause"


def rights_text(can: Collection[Right]) -> str:
    """Return rights as they stand in the address of a page: always the same for the same ones."""
    return "-".join(right for right in Right if right is Right.VIEW or right in can)


def subject_of(webhook_id: UUID, rights: str) -> str:
    """Return what a link opens: an endpoint, as far as its rights go."""
    return f"webhook/{webhook_id}/{rights}"


def all_subjects(webhook_id: UUID) -> list[str]:
    """Return all that links to one endpoint may open."""
    rights = [right for right in Right if right is not Right.VIEW]
    picked = chain.from_iterable(combinations(rights, count) for count in range(len(rights) + 1))
    return [subject_of(webhook_id, rights_text(each)) for each in picked]


def has(rights: str, right: Right) -> bool:
    """Say whether a link with such rights lets its holder do something."""
    return right in rights.split("-")


def require_right(rights: str, right: Right) -> None:
    """Raise Forbidden (403) for what a link does not let its holder do."""
    if not has(rights, right):
        raise Forbidden("This link does not allow that. 此链接不允许这样做。")


def is_chinese(wanted: str | None, accepted: str) -> bool:
    """Say whether to write Chinese: as the switch on the page says, else as the browser prefers (RFC 9110, 12.5.4)."""
    if wanted in ("zh", "en"):
        return wanted == "zh"
    wishes = [_WISH.fullmatch(part) for part in accepted.split(",", _WISHES)[:_WISHES]]
    weights = {"zh": 0.0, "en": 0.0}
    for wish in wishes:
        if wish is not None and (language := wish[1].lower()) in weights:
            weights[language] = max(weights[language], float(wish[2] or 1))
    return weights["zh"] > weights["en"]


def shown_url(url: str) -> str:
    """Return an endpoint's address without what often lets one in: the values of its query."""
    parts = urlsplit(url)
    query = "&".join(f"{name.partition('=')[0]}=…" for name in parts.query.split("&")) if parts.query else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{'?' if query else ''}{query}"


def is_version(text: str) -> bool:
    """Say whether a form's field names a version; more than a number could name any (`"1", "*"`)."""
    return text.isascii() and text.isdigit() and len(text) <= 9


def may_resume(reason: str | None) -> bool:
    """Say whether a receiver may take a disabled endpoint into use again."""
    return reason != "manual"


def cut(text: str) -> tuple[str, bool]:
    """Return as much of a text as is shown, and whether that is all."""
    return text[:BODY_SHOWN_CHARACTERS], len(text) <= BODY_SHOWN_CHARACTERS
