"""Reads what a row of an export says, in words of ours. Nothing is trusted: what cannot be read is left for the shape to refuse."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from opsloop_common.foreign import readable
from opsloop_feedback.import_formats.headings import CHANNELS, HEADINGS, PLACES, STATUSES


class Format(StrEnum):
    """Whose export it is; `opsloop`: a table of one's own."""

    OPSLOOP = "opsloop"
    CANNY = "canny"
    FIDER = "fider"
    CHATWOOT = "chatwoot"
    USERVOICE = "uservoice"
    APP_STORE = "app_store"
    GOOGLE_PLAY = "google_play"


ATTRIBUTE = "attributes."
FIELDS = frozenset(HEADINGS["opsloop"])
"""What a column may be mapped to, besides `attributes.<name>`."""
CHANNEL = {
    Format.OPSLOOP: "api",
    Format.CANNY: "community",
    Format.FIDER: "community",
    Format.USERVOICE: "community",
    Format.CHATWOOT: "api",
    Format.APP_STORE: "store_review",
    Format.GOOGLE_PLAY: "store_review",
}
PLATFORM = {Format.APP_STORE: "ios", Format.GOOGLE_PLAY: "android"}
WRAPPERS = ("posts", "reviews", "data", "items", "suggestions", "payload", "conversations")
"""Names under which an API's answer holds its list."""
NAME_CHARACTERS = 100
NUMBER_CHARACTERS = 12
_FIELD_OF = {
    format: {heading: name for name, headings in names.items() for heading in reversed(headings)}
    for format, names in HEADINGS.items()
}
_STATUS_OF = {word: status for status, words in STATUSES.items() for word in words}
_TAGS = re.compile(r"[;,|；，]")
_WORDS = re.compile(r"[\s-]+")
_NUMBER = re.compile(r"\d+", re.ASCII)
_TAG = re.compile(r"<[^<>]{0,200}>")


def heading(text: str) -> str:
    """Return a heading as it is compared."""
    return _WORDS.sub("_", text.strip().casefold())


def field_of(column: str, format: Format, mapping: Mapping[str, str]) -> str | None:
    """Return which field a column is, as somebody said or by its heading; None: nothing of ours."""
    if column in mapping:
        return mapping[column]
    name = heading(column)
    if name.startswith(ATTRIBUTE) and format is Format.OPSLOOP:
        return column.strip()[: len(ATTRIBUTE) + NAME_CHARACTERS]
    return _FIELD_OF[format].get(name)


def is_field(name: str) -> bool:
    """Say whether a column may be mapped to it."""
    own = name.removeprefix(ATTRIBUTE)
    return name in FIELDS or (own != name and 0 < len(own) <= NAME_CHARACTERS)


def wrapped(value: Any) -> Sequence[Any] | None:
    """Return the list that a JSON file holds: itself, or under a name that APIs use; None when there is none."""
    for _ in range(3):
        if isinstance(value, list):
            return value
        if not isinstance(value, dict):
            return None
        value = next((value[name] for name in WRAPPERS if name in value), None)
    return value if isinstance(value, list) else None


def row_of_cells(cells: Mapping[str, str], format: Format, channel: str | None) -> dict[str, Any]:
    """Return a CSV's row as a post, by the fields of its columns; empty cells are left out before."""
    return _row(dict(cells), format, channel)


def row_of_object(value: Any, format: Format, channel: str | None) -> Any:
    """Return an object of JSON as a post; one of our own format is one already."""
    if format is Format.OPSLOOP or not isinstance(value, dict):
        return _own(value, channel)
    flat = {
        name: found
        for name, places in PLACES[format].items()
        if (found := next((each for place in places if (each := _at(value, place)) not in (None, "", [])), None))
        is not None
    }
    return _row(flat, format, channel)


def _own(value: Any, channel: str | None) -> Any:
    if not isinstance(value, dict):
        return value
    own = {"channel": channel or CHANNEL[Format.OPSLOOP]} | value
    if "external_id" not in own:
        own["external_id"] = _named_by_content(own)
    return own


def _at(value: Any, place: str) -> Any:
    for step in place.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _row(flat: dict[str, Any], format: Format, channel: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {name: flat[name] for name in ("title", "body", "locale", "area", "kind") if name in flat}
    author = {name: _text(flat[name]) for name in ("user_id", "email", "name") if flat.get(name)}
    if author:
        said["author"] = author
    said["channel"] = _channel(flat.get("channel"), format) or channel or CHANNEL[format]
    said["attributes"] = _attributes(flat, format)
    if "tags" in flat:
        said["tags"] = _tags(flat["tags"])
    for name in ("rating", "votes"):
        if name in flat:
            said[name] = number_of(flat[name])
    if "occurred_at" in flat:
        said["occurred_at"] = moment_of(flat["occurred_at"])
    if url := _text(flat.get("url", "")):
        said["source_url"] = url
    messages = [] if "messages" not in flat else _messages(flat["messages"], format, said)
    if status := _text(flat.get("status", "")):
        known = _STATUS_OF.get(heading(status))
        said["status"] = known or "open"
        if heading(status) != known:
            said["attributes"]["original_status"] = status
    if reply := flat.get("reply"):
        messages.append(_message("reply", reply, flat.get("replied_by"), flat.get("replied_at")))
    if note := flat.get("note"):
        messages.append(_message("note", note, None, None))
    if messages:
        said["messages"] = messages
    if "body" not in said and "title" in said:
        said["body"] = said.pop("title")
    said["external_id"] = _external_id(flat, said, format)
    return said


def _external_id(flat: Mapping[str, Any], said: Mapping[str, Any], format: Format) -> str:
    given = _text(flat.get("external_id", "")) or _review_id(flat.get("url"), format)
    if not given:
        return _named_by_content(said)
    return given if format is Format.OPSLOOP else f"{format}:{given}"


def _review_id(url: Any, format: Format) -> str:
    """Return the id that a link to a review of Google Play ends with: its table has no other."""
    if format is not Format.GOOGLE_PLAY or not isinstance(url, str):
        return ""
    asked = readable(lambda text: parse_qs(urlsplit(text.replace("#", "?", 1)).query, max_num_fields=20), url) or {}
    return next((values[0] for name, values in asked.items() if name.casefold() == "reviewid"), "")


def _named_by_content(said: Mapping[str, Any]) -> str:
    """Name a row that has no id by what it says: the same file again brings nothing new."""
    parts = [said.get(name) for name in ("channel", "title", "body", "occurred_at", "rating", "author")]
    return "row:" + hashlib.sha256(repr(parts).encode(errors="replace")).hexdigest()[:32]


def _attributes(flat: Mapping[str, Any], format: Format) -> dict[str, Any]:
    given = {name.removeprefix(ATTRIBUTE): cell for name, cell in flat.items() if name.startswith(ATTRIBUTE)}
    known = {name: _text(flat[name]) for name in ("version", "device", "country") if flat.get(name)}
    if format in PLATFORM:
        known["platform"] = PLATFORM[format]
    return known | given


def _channel(given: Any, format: Format) -> str | None:
    word = _text(given or "")
    return CHANNELS.get(heading(word)) if format is Format.CHATWOOT else word or None


def _tags(given: Any) -> list[Any]:
    if isinstance(given, str):
        return [tag.strip() for tag in _TAGS.split(given) if tag.strip()]
    if not isinstance(given, list):
        return [given]
    return [tag.get("name") or tag.get("title") if isinstance(tag, dict) else tag for tag in given]


def _messages(given: Any, format: Format, said: dict[str, Any]) -> list[Any]:
    """Return what was said below a post; of a conversation the first that came in is the post itself."""
    if not isinstance(given, list):
        return [given]
    found: list[Any] = []
    for each in given:
        if not isinstance(each, dict):
            found.append(each)
            continue
        text = each.get("content") or each.get("value") or each.get("body") or each.get("text")
        if not text or each.get("message_type") == 2:  # what the product itself noted down
            continue
        if format is Format.CHATWOOT and "body" not in said and each.get("message_type") == 0:
            said["body"] = plain(_text(text))
            continue
        who = each.get("author") or each.get("user") or each.get("sender")
        name = who.get("name") if isinstance(who, dict) else None
        at = each.get("created_at") or each.get("created") or each.get("createdAt")
        found.append(_message("reply" if _is_reply(each, who) else "note", plain(_text(text)), name, at))
    return found


def _is_reply(message: Mapping[str, Any], who: Any) -> bool:
    """Say whether a message is one of ours to the author: what is private, or of other users, is a note here."""
    if message.get("private") or message.get("internal"):
        return False
    is_staff = isinstance(who, dict) and (
        who.get("isAdmin") is True or who.get("role") in ("administrator", "collaborator")
    )
    return message.get("message_type") == 1 or is_staff


def _message(kind: str, text: Any, by: Any, at: Any) -> dict[str, Any]:
    made = {"kind": kind, "body": text, "by": _text(by or "") or None, "at": None if at is None else moment_of(at)}
    return {name: value for name, value in made.items() if value is not None}


def plain(text: str) -> str:
    """Return a text without the tags of HTML that exports of mails have; what is no such tag stays."""
    return _TAG.sub("", text) if text.lstrip().startswith("<") and text.rstrip().endswith(">") else text


def number_of(given: Any) -> Any:
    """Return a whole number of a cell (`5`, `5.0`, `1,204`); anything else as it came, for the shape to refuse."""
    if isinstance(given, float) and given.is_integer():
        return int(given)
    if not isinstance(given, str) or len(given) > NUMBER_CHARACTERS:
        return given
    digits = given.strip().removesuffix(".0").replace(",", "")
    return int(digits) if _NUMBER.fullmatch(digits) else given


def moment_of(given: Any) -> Any:
    """Return a time as RFC 3339: days, times without a zone (UTC), seconds and milliseconds since 1970 are known.

    Anything else as it came, for the shape to refuse.
    """
    if isinstance(given, str) and _NUMBER.fullmatch(given.strip()) and 9 <= len(given.strip()) <= 13:
        given = int(given)
    if isinstance(given, int | float) and not isinstance(given, bool):
        seconds = given / 1000 if given > 10**11 else given
        at = readable(lambda value: datetime.fromtimestamp(value, UTC), seconds)
    elif isinstance(given, str):
        at = readable(datetime.fromisoformat, given.strip().removesuffix(" UTC").replace("/", "-"))
    else:
        return given
    if at is None:
        return given
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).isoformat()


def _text(given: Any) -> str:
    if isinstance(given, str):
        return given.strip()
    return str(given) if isinstance(given, int | float) and not isinstance(given, bool) else ""
