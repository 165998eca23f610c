"""Placeholders like `{{ event.data.kpi }}`: looked up and written out, never evaluated."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import orjson
from pydantic import JsonValue

from opsloop_common.conditions import value_at
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.fields import all_fields
from opsloop_common.contracts.known import field_fault
from opsloop_common.invisible import comparable
from opsloop_common.known_names import unknown
from opsloop_common.numbers import for_people
from opsloop_common.times import moment_in, time_for_people

SUBJECT_CHARACTERS = 200
BODY_CHARACTERS = 20_000
# All locales together: a message.requested carries them beside 500 ids, inside the 512 KiB an event may have.
CONTENT_BYTES = 128 * 1024
VALUE_CHARACTERS = 500
UNIT_CHARACTERS = 50

_UNIT = "data.unit"
_MEASURED = frozenset({"data.value", "data.threshold", "data.expected", "data.target"})
"""What is counted in the unit that the event names."""
_NUMBERED = frozenset({"data.number"})
"""What is a name made of digits: nobody looks for feedback 12,345."""

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+(?:\.\w+)*)\s*\}\}")
_OPENING = re.compile(r"\{\{|\{%|\{\s*event\.\w")
_FOREIGN = re.compile(r"\{\{\{|\{\{[^{}]*\}\}\}|\{%")
"""What other languages of templates that know `{{ }}` have besides; here it would go out as it is written."""
_OTHER_BRACES = str.maketrans("｛﹛︷｝﹜︸", "{{{}}}")
"""What a compatibility normalisation makes braces of, and whoever reads it takes for such."""
FIRST_IDEOGRAPH = "\u2e80"
"""From here on are scripts that put no blanks between words."""
_LINE_BREAKS = re.compile(r"[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_EVENT_FIELDS = frozenset(Event.model_fields) - {
    "data",
    "actor",
}  # which key or person acted is not for who gets a message
_PLACEHOLDERS = (*(f"event.{field}" for field in sorted(_EVENT_FIELDS)), "event.data.<field>")


def placeholder_fault(text: str) -> str | None:
    """Return what is wrong with the placeholders of a playbook's text, or None."""
    if _FOREIGN.search(_as_read(text)):
        return "has {{{, }}} or {%, which mean nothing here; only {{ event.data.<field> }} is filled in"
    if has_placeholder(_PLACEHOLDER.sub("", text)):
        return "has a placeholder that cannot be read; write {{ event.data.<field> }}"
    for path in _PLACEHOLDER.findall(text):
        root, _, field = path.partition(".")
        head = field.partition(".")[0]
        if root != "event" or not (field in _EVENT_FIELDS or (head == "data" and "." in field)):
            meant = [f"event.{name}" for name in all_fields()]
            return unknown(path, _PLACEHOLDERS, what="placeholder", meant=meant)
    return None


def unknown_field(text: str, event_type: str) -> str | None:
    """Return which placeholder of `text` names a field that events of the type do not have, in words; None when all are known."""
    paths = dict.fromkeys(path.removeprefix("event.") for path in _PLACEHOLDER.findall(text))
    return next((fault for path in paths if (fault := field_fault(path, [event_type]))), None)


def has_placeholder(text: str) -> bool:
    """Say whether `text` looks to a reader as if something should be filled in."""
    return _OPENING.search(_as_read(text)) is not None


def _as_read(text: str) -> str:
    return comparable(text).translate(_OTHER_BRACES)


def render(text: str, event: Mapping[str, JsonValue], locale: str = "en", zone: str = "UTC") -> str:
    """Fill the placeholders of `text` from the event's document, once: what is filled in is not read again.

    What the event lacks becomes nothing; one value brings at most 500 characters. Numbers are written for people of the locale,
    a measured one with its unit (`99.4 %`) unless the text says the unit itself; times too, in the zone.
    """
    shown: dict[str, str] = {}  # 8,000 placeholders may name one list of 50,000
    unit = value_at(event, _UNIT)
    unit = "" if not isinstance(unit, str) or f"event.{_UNIT}" in _PLACEHOLDER.findall(text) else unit.strip()

    def fill(match: re.Match[str]) -> str:
        path = match[1].removeprefix("event.")
        if path not in shown:
            shown[path] = _shown(value_at(event, path), path, locale, zone)
        has_unit = unit and path in _MEASURED and shown[path]
        if has_unit and not _begins_with(unit, text[match.end() : match.end() + len(unit) + 8].lstrip()):
            return f"{shown[path]} {unit[:UNIT_CHARACTERS]}"
        return shown[path]

    return _PLACEHOLDER.sub(fill, text)


def _begins_with(unit: str, text: str) -> bool:
    # a unit of letters ends where a word ends: s in `5 s,` and not in `5 since`; 元整 has no such border
    return text.startswith(unit) and not (_is_letter(unit[-1]) and _is_letter(text[len(unit) : len(unit) + 1]))


def _is_letter(char: str) -> bool:
    return char.isalnum() and char < FIRST_IDEOGRAPH


def _shown(value: JsonValue, path: str, locale: str, zone: str) -> str:
    return str(value) if path in _NUMBERED and value is not None else written(value, locale, zone)


def written(value: JsonValue, locale: str = "en", zone: str = "UTC") -> str:
    """Write one value as a reader of the locale expects it: text as it is, times of the zone, lists with commas, objects as JSON."""
    match value:
        case None:
            return ""
        case str():
            moment = moment_in(value)
            shown = value if moment is None else time_for_people(moment, locale, zone)
        case bool():
            shown = "true" if value else "false"
        case int() | float():
            shown = for_people(value, locale)
        case list():
            # each item brings its comma at least: what lies beyond would be cut off
            shown = ", ".join(written(item, locale, zone) for item in value[:VALUE_CHARACTERS])
        case _:
            shown = orjson.dumps(value).decode()
    return shown if len(shown) <= VALUE_CHARACTERS else shown[: VALUE_CHARACTERS - 1] + "…"


def one_line(subject: str) -> str:
    """Return a subject that cannot add a header to a mail: one line, within the limit."""
    return _LINE_BREAKS.sub(" ", subject).strip()[:SUBJECT_CHARACTERS]


def rendered(
    messages: Sequence[Mapping[str, str]], event: Mapping[str, JsonValue], zone: str = "UTC"
) -> list[dict[str, str]]:
    """Fill subject and body of each message from an event's document; times are those of the zone."""
    return [
        {
            **message,
            "subject": one_line(render(message["subject"], event, message["locale"], zone)),
            "body": render(message["body"], event, message["locale"], zone)[:BODY_CHARACTERS],
        }
        for message in messages
    ]


def content_bytes(messages: Sequence[Mapping[str, str]]) -> int:
    """Return how many bytes the messages take inside an event."""
    return sum(len(orjson.dumps(dict(message))) for message in messages)
