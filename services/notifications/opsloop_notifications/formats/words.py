"""What an event, or a group of alerts, says to people: one sentence, what matters below it, and where there is more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal, NamedTuple

from opsloop_common.foreign import readable
from opsloop_common.numbers import for_people
from opsloop_notifications.formats import sentences
from opsloop_notifications.formats.texts import cut, one_line
from opsloop_notifications.labels.rules import in_language

Language = Literal["en", "zh"]
Action = Literal["trigger", "acknowledge", "resolve"]
Severity = Literal["critical", "error", "warning", "info"]

VALUE_CHARACTERS = 200
TITLE_CHARACTERS = 300
ALERTS_SHOWN = 20
NAMES_SHOWN = 5
LINK_CHARACTERS = 1_000
NUMBER_CHARACTERS = 30
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
_LINK = re.compile(r"https?://[!-~]+")
_FOR_MACHINES = re.compile(r"https?://[^/?#]+(/[^?#]*)?/api/(feedback|metrics|campaigns|notifications)(/|$)")
"""Addresses of our services: what answers there is JSON, which nobody reads in a chat."""
_SEVERITIES: dict[str, Severity] = {
    "critical": "critical",
    "page": "critical",
    "s1": "critical",
    "error": "error",
    "s2": "error",
    "warning": "warning",
    "s3": "warning",
    "info": "info",
    "s4": "info",
}
_WORST_FIRST: tuple[Severity, ...] = ("critical", "error", "warning", "info")
_ENDS = frozenset({"kpi.recovered", "alert.resolved"})
_ACKNOWLEDGES = frozenset({"alert.acknowledged"})
_NUMBERS_OF_A_KPI = ("value", "threshold", "expected", "target", "previous")
_SHARES = ("progress", "pace")
_NAMED = ("kind", "severity", "channel", "state", "reason", "held_by", "target")
"""Fields whose values are among a few that have words."""


class Button(NamedTuple):
    """What is pressed to open an address, with the words on it."""

    words: str
    url: str


@dataclass(frozen=True)
class Message:
    """What is said. `key` is the same for all that is about one incident; `about` names what it is for machines.

    `mention`: how the chat calls a person that is meant by it.
    """

    title: str
    lines: Sequence[str]
    link: str | None
    severity: Severity
    action: Action
    key: str
    about: str
    source: str
    at: str
    buttons: Sequence[Button] = ()
    mention: str | None = None


def message_of(document: Mapping[str, Any], language: Language) -> Message:
    """Return what a CloudEvent, or a document of Alertmanager's webhook, says in a language."""
    return _of_event(document, language) if "specversion" in document else _of_alerts(document, language)


def in_words(pair: Sequence[str], language: Language) -> str:
    """Return what is said of English and Chinese."""
    return pair[language == "zh"]


def _of_event(event: Mapping[str, Any], language: Language) -> Message:
    data, type = event["data"], event["type"]
    shown = _Shown(_values(data, language) | {"type": _text(type), "subject": _text(event["subject"])})
    sentence = in_words(sentences.SENTENCES.get(type, sentences.OTHER), language)
    lines = [
        f"{in_words(label, language)}: {shown[name]}"
        for name, label in sentences.LABELS.items()
        if data.get(name) and f"{{{name}}}" not in sentence
    ]
    workspace = _text(event["workspace"])
    return Message(
        title=cut(sentence.format_map(shown), TITLE_CHARACTERS),
        lines=(*lines, f"{workspace} · {_moment(event['time'])}"),
        link=_link(event.get("link")),
        severity=_severity(data.get("severity"), otherwise="info"),
        action="resolve" if type in _ENDS else "acknowledge" if type in _ACKNOWLEDGES else "trigger",
        key=str(data["incident_id"]) if type.startswith("kpi.") and "incident_id" in data else str(event["subject"]),
        about=type,
        source=f"opsloop/{workspace}",
        at=str(event["time"]),
    )


class _Shown(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "–"


def _values(data: Mapping[str, Any], language: Language) -> dict[str, str]:
    found = {name: _value(value, language) for name, value in data.items() if value is not None}
    found |= {name: _named(data[name], language) for name in _NAMED if isinstance(data.get(name), str)}
    unit = data.get("unit")
    found |= {name: _amount(data[name], unit, language) for name in _NUMBERS_OF_A_KPI if _is_number(data.get(name))}
    found |= {name: _amount(data[name], "ratio", language) for name in _SHARES if _is_number(data.get(name))}
    found |= {name: _moment(data[name]) for name in ("last_seen_at", "due_at") if data.get(name)}
    if (number := data.get("number")) is not None:
        found["number"] = str(number)  # a name, not a count
    found |= {name: str(data[name]) for name in ("into_number", "from_number") if name in data}
    if (name := data.get("kpi_name") or data.get("kpi")) is not None:
        found["kpi"] = _text(name)
    if (name := data.get("series_name") or data.get("series")) is not None:
        found["series"] = _text(name)
    if isinstance(why := data.get("words"), dict):
        found["words"] = _text(why.get(language, ""))
    if isinstance(people := data.get("user_ids"), list):
        words = sentences.PERSON if len(people) == 1 else sentences.PEOPLE
        found["people"] = in_words(words, language).format(count=for_people(len(people), language))
    if isinstance(url := data.get("url"), str) and "host" not in data:
        found["host"] = _text(url.partition("://")[2].partition("/")[0])
    found.setdefault("assignee", found.get("team") or in_words(sentences.NOBODY, language))
    found["against"] = _against(data, found, language)
    return found


def _against(data: Mapping[str, Any], shown: Mapping[str, str], language: Language) -> str:
    """Return what a value is held against: in words, a threshold, or what was expected."""
    if "words" in shown:
        return f" ({shown['words']})" if language == "en" else f"（{shown['words']}）"
    if "threshold" in shown and data.get("operator") in sentences.OPERATORS:
        operator = in_words(sentences.OPERATORS[data["operator"]], language)
        return in_words(sentences.AGAINST, language).format(operator=operator, threshold=shown["threshold"])
    return in_words(sentences.EXPECTED, language).format(expected=shown["expected"]) if "expected" in shown else ""


def _value(value: Any, language: Language) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return for_people(value, language)
        case str():
            return _text(value)
        case list():
            return _text(in_words(sentences.BETWEEN, language).join(str(one) for one in value[:20]))
        case dict():
            return _text(", ".join(f"{name}={one}" for name, one in list(value.items())[:20]))
    return "–"


def _named(value: str, language: Language) -> str:
    return in_words(sentences.VALUES[value], language) if value in sentences.VALUES else _text(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _amount(value: float, unit: Any, language: Language) -> str:
    if unit == "ratio":
        return f"{for_people(value * 100, language)}%"
    shown = for_people(value, language)
    if not isinstance(unit, str) or not unit:
        return shown
    return f"{shown}%" if unit == "%" else f"{shown} {_text(unit)}"


def _text(value: Any) -> str:
    return cut(one_line(str(value)[: VALUE_CHARACTERS * 10]), VALUE_CHARACTERS)


def _moment(value: Any) -> str:
    moment = readable(datetime.fromisoformat, value)
    return _text(value) if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _severity(value: Any, *, otherwise: Severity) -> Severity:
    return _SEVERITIES.get(value.lower(), otherwise) if isinstance(value, str) else otherwise


def _link(value: Any) -> str | None:
    """Return an address where people find a page; whatever is none is left out, since some of these come from outside."""
    is_link = isinstance(value, str) and len(value) <= LINK_CHARACTERS and _LINK.fullmatch(value)
    return value if is_link and not _FOR_MACHINES.match(value) else None


def _of_alerts(told: Mapping[str, Any], language: Language) -> Message:
    alerts: Sequence[Mapping[str, Any]] = told["alerts"]
    firing = [alert for alert in alerts if alert["status"] == "firing"]
    names = list(dict.fromkeys(_name(alert) for alert in (*firing, *alerts)))
    counts = ((sentences.FIRING, len(firing)), (sentences.ENDED, len(alerts) - len(firing)))
    states = [in_words(words, language).format(firing=count, ended=count) for words, count in counts if count]
    between = in_words(sentences.BETWEEN, language)
    title = in_words(sentences.ALERTS, language).format(
        states=between.join(states), names=between.join(names[:NAMES_SHOWN]) + ("…" if names[NAMES_SHOWN:] else "")
    )
    more = len(alerts[ALERTS_SHOWN:]) + int(told["truncatedAlerts"])
    lines = [_line(alert, language) for alert in alerts[:ALERTS_SHOWN]]
    lines += [in_words(sentences.MORE, language).format(count=more)] if more else []
    severities = {_severity(alert["labels"].get("severity"), otherwise="error") for alert in firing or alerts}
    links = [alert["generatorURL"] for alert in alerts[:1]] + [told["externalURL"]]
    return Message(
        title=cut(title, TITLE_CHARACTERS),
        lines=lines,
        link=next((link for link in map(_link, links) if link), None),
        severity=next((one for one in _WORST_FIRST if one in severities), "error"),
        action="trigger" if firing else "resolve",
        key=sha256(str(told["groupKey"]).encode()).hexdigest(),
        about="alerts",
        source=f"opsloop/{_text(told['receiver'])}",
        at=str(min((alert["startsAt"] for alert in alerts), default="")),
    )


def _name(alert: Mapping[str, Any]) -> str:
    return _text(alert["labels"].get("alertname", "–"))


def _line(alert: Mapping[str, Any], language: Language) -> str:
    state = in_words(sentences.FIRES if alert["status"] == "firing" else sentences.IS_OVER, language)
    severity, notes = alert["labels"].get("severity"), in_language(alert["annotations"], language)
    said = notes.get("summary") or notes.get("description")
    shown = [_name(alert), *([_named(severity, language)] if severity else []), *([_text(said)] if said else [])]
    return " · ".join((state, *shown, *_figures(notes, language)))


def _figures(notes: Mapping[str, str], language: Language) -> list[str]:
    """Return what was measured, and what it is held against, where an alert's annotations say so in numbers."""
    unit = notes.get("unit")
    read = {name: _number(notes.get(name, "")) for name in ("value", "threshold", "expected")}
    shown = {name: _amount(number, unit, language) for name, number in read.items() if number is not None}
    if "value" not in shown:
        return []
    against = [
        in_words(words, language).format_map(shown)
        for name, words in (("threshold", sentences.THRESHOLD), ("expected", sentences.EXPECTED))
        if name in shown
    ]
    return [shown["value"] + "".join(against)]


def _number(text: str) -> float | None:
    """Return the number that a text is; None for whatever else people write there."""
    return float(text) if len(text) <= NUMBER_CHARACTERS and _NUMBER.fullmatch(text) else None
