"""What the contents of a template and its data come to, one language after the other. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from unicodedata import east_asian_width

from opsloop_common import limits
from opsloop_common.invisible import says_something
from opsloop_notifications.wording import layout, markdown, sandbox
from opsloop_notifications.wording.sandbox import Budget as Budget
from opsloop_notifications.wording.sandbox import Faulty as Faulty
from opsloop_notifications.wording.sandbox import Into as Into

CHANNELS = ("email", "inbox", "chat", "sms", "push")
Contents = Sequence[Mapping[str, Any]]
"""Of each language its `locale`, and what it says by each channel, as far as it does."""
Said = dict[str, Any]
"""One language of one channel, ready: `channel`, `locale`, `subject`, `body` (text), `html`, `url`."""

SUBJECT_CHARACTERS = 200
SUBJECT_COLUMNS = 60
PREHEADER_CHARACTERS = 150
BODY_CHARACTERS = 50_000
URL_CHARACTERS = 2_000
with_foot = layout.with_foot
_URL = re.compile(r"(?:https?://[^\s<>\"\\]+|/(?![/\\])[^\s<>\"\\]*)", re.IGNORECASE)
_PARTS = {
    "email": {"subject": Into.TEXT, "preheader": Into.TEXT, "body": Into.MARKDOWN, "html": Into.HTML},
    "inbox": {"title": Into.TEXT, "body": Into.TEXT, "url": Into.TEXT},
    "chat": {"title": Into.TEXT, "body": Into.TEXT, "url": Into.TEXT},
    "sms": {"body": Into.TEXT},
    "push": {"title": Into.TEXT, "body": Into.TEXT, "url": Into.TEXT},
}


read_template, render_template = sandbox.require_readable, sandbox.render
"""For what is written by a template elsewhere."""


class Unsayable(Exception):
    """A part cannot be read, or not with this data. `place` leads to it, as a JSON pointer below the contents does."""

    def __init__(self, place: str, locale: str, fault: Faulty) -> None:
        super().__init__(f"{place.rpartition('/')[2]} in {locale}, {fault}")
        self.place, self.locale, self.fault = place, locale, fault


def parts_of(contents: Contents) -> Iterator[tuple[str, str, str, Into]]:
    """Yield place, locale, source and use of all that is written by a template."""
    for number, content in enumerate(contents):
        for channel, parts in _PARTS.items():
            said = content.get(channel) or {}
            for name, into in parts.items():
                if said.get(name) is not None:
                    yield f"/{number}/{channel}/{name}", content["locale"], said[name], into


def require_readable(contents: Contents) -> None:
    """Raise Unsayable unless every part is a template that can be read."""
    budget = Budget()
    for place, locale, source, into in parts_of(contents):
        try:
            sandbox.read(source, into, budget)
        except Faulty as fault:
            raise Unsayable(place, locale, fault) from fault


def say(contents: Contents, data: Mapping[str, Any], channels: Sequence[str] = CHANNELS) -> list[Said]:
    """Return what is said through each of the channels in each language that has words for it; raises Unsayable."""
    budget = Budget()
    return [
        _say(f"/{number}/{channel}", channel, content, data, budget)
        for number, content in enumerate(contents)
        for channel in channels
        if content.get(channel) is not None
    ]


def _say(place: str, channel: str, content: Mapping[str, Any], data: Mapping[str, Any], budget: Budget) -> Said:
    written: dict[str, str | None] = {}
    for name, into in _PARTS[channel].items():
        source = content[channel].get(name)
        try:
            written[name] = None if source is None else _within(name, sandbox.render(source, data, into, budget))
        except Faulty as fault:
            raise Unsayable(f"{place}/{name}", content["locale"], fault) from fault
    said = {"channel": channel, "locale": content["locale"]}
    return said | (_mail(written, content["locale"]) if channel == "email" else _entry(written))


def _within(name: str, text: str) -> str:
    if name in ("subject", "title", "preheader"):
        text = " ".join(text.split())
        longest = PREHEADER_CHARACTERS if name == "preheader" else SUBJECT_CHARACTERS
        text = text if len(text) <= longest else text[: longest - 1] + "…"
    if name in ("subject", "title", "body") and not says_something(text):
        raise Faulty("says nothing with this data", 1)
    if name == "url" and not (len(text) <= URL_CHARACTERS and _URL.fullmatch(text)):
        raise Faulty("is no address of the web, and no path", 1)
    if len(text) > BODY_CHARACTERS:
        raise Faulty(f"comes to more than {BODY_CHARACTERS} characters", 1)
    return text


def _mail(written: Mapping[str, str | None], locale: str) -> Said:
    subject, source = str(written["subject"]), str(written["body"])
    text = markdown.to_text(source)
    html = written["html"]
    preheader = written["preheader"] or " ".join(text.split())[:PREHEADER_CHARACTERS]
    content = markdown.to_html(source) if html is None else markdown.clean(html)
    framed = layout.in_frame(content, locale=locale, subject=subject, preheader=preheader)
    return {"subject": subject, "body": text, "html": framed, "preheader": preheader}


def _entry(written: Mapping[str, str | None]) -> Said:
    return {"subject": written.get("title"), "body": written["body"], "url": written.get("url")}


class Unfilled(Exception):
    """A text of a document cannot be read, or not with this data."""


def fill(document: Any, data: Mapping[str, Any]) -> Any:
    """Return a JSON document each of whose texts is a template, filled; names and structure stay. Raises Unfilled."""
    return _filled(document, data, Budget())


def _filled(document: Any, data: Mapping[str, Any], budget: Budget) -> Any:
    match document:
        case str():
            try:
                return sandbox.render(document, data, Into.TEXT, budget)
            except Faulty as fault:
                raise Unfilled(str(fault)) from fault
        case list():
            return [_filled(each, data, budget) for each in document]
        case dict():
            return {name: _filled(value, data, budget) for name, value in document.items()}
    return document


def warnings(contents: Contents, data: Mapping[str, Any], said: Sequence[Said]) -> dict[tuple[str, str], list[str]]:
    """Return by channel and locale what is better looked at before it is sent."""
    by_locale = {content["locale"]: content for content in contents}
    found: dict[tuple[str, str], list[str]] = {}
    for one in said:
        written = by_locale[one["locale"]][one["channel"]]
        found[one["channel"], one["locale"]] = list(_warnings_of(one, written, data))
    return found


def _warnings_of(said: Said, written: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[str]:
    if (columns := _columns(said["subject"] or "")) > SUBJECT_COLUMNS:
        yield f"the subject takes {columns} columns; lists of mails show about {SUBJECT_COLUMNS}"
    if said["channel"] != "email":
        return
    if not written.get("preheader"):
        yield "there is no preheader: the first words of the body stand in its place"
    if missing := markdown.images_without_words(written["body"]):
        yield f"{missing} images have no alternative text"
    asked = set[str]().union(*(sandbox.variables(str(part)) for name, part in written.items() if part))
    if unused := sorted(set(data) - asked):
        yield f"the data has what the mail does not ask for: {', '.join(unused[:5])}"


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def size_of(contents: Contents) -> int:
    """Return how many bytes all parts take."""
    return sum(len(source.encode()) for _, _, source, _ in parts_of(contents))


def is_too_large(contents: Contents) -> bool:
    """Say whether the parts together are more than may be worked on at once."""
    return size_of(contents) > limits.TEMPLATE_BYTES
