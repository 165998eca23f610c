"""Which names a definition asks for, and what is said of those that nothing is called: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from opsloop_common.invisible import visible
from opsloop_common.known_names import NAME_CHARACTERS, nearest

Kind = Literal["event", "property", "channel"]
MOST = 10
"""So many warnings are told: looking for the nearest name takes a while."""
LATELY = 1_000
"""Of so many events of a name the properties are known."""
_WORDS: dict[Kind, tuple[str, str]] = {
    "event": ('No event is called "{name}" so far', "尚未收到名为“{name}”的事件"),
    "property": ('No event "{event}" had "{name}" lately', "最近的“{event}”事件没有“{name}”"),
    "channel": ('Nobody came by the channel "{name}" so far', "尚无人经由渠道“{name}”而来"),
}
_NEAR = '; did you mean "{name}"?', "；是否指“{name}”？"


@dataclass(frozen=True)
class Named:
    """A name in a definition: of an event, a property of one, or a channel."""

    pointer: str
    kind: Kind
    name: str
    event: str | None = None


@dataclass(frozen=True)
class Known:
    """What events are called, which properties those had that a definition names, and by which channels people came."""

    events: frozenset[str]
    properties: Mapping[str, frozenset[str]] = field(default_factory=dict)
    channels: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Warning:
    """Something that nothing is called, in words."""

    pointer: str
    name: str
    did_you_mean: str | None
    en: str
    zh: str


def named(stored: Mapping[str, Any], pointer: str = "/definition") -> Iterator[Named]:
    """Yield what a definition, or a group in it, names."""
    for place, part in enumerate(stored["conditions"]):
        at = f"{pointer}/conditions/{place}"
        if part["type"] == "group":
            yield from named(part, at)
        elif part["type"] in ("event", "property"):
            yield from _of_events(part, at)


def _of_events(part: Mapping[str, Any], at: str) -> Iterator[Named]:
    event = part["event"]
    if event is not None:
        yield Named(f"{at}/event", "event", event)
        if part["type"] == "property":
            yield Named(f"{at}/property", "property", part["property"], event)
    for place, condition in enumerate(part["where"]):
        asked, value = condition["field"], condition["value"]
        if asked.startswith("properties.") and event is not None:
            yield Named(f"{at}/where/{place}/field", "property", asked, event)
        elif asked == "channel" and condition["op"] in ("eq", "in"):
            values = value if isinstance(value, list) else [value]
            for each in values:
                if isinstance(each, str) and each:
                    yield Named(f"{at}/where/{place}/value", "channel", each)


def warnings(asked: Sequence[Named], known: Known) -> list[Warning]:
    """Return what is to be said of names that nothing is called, at most ten; of an event that is none no properties are told."""
    found: list[Warning] = []
    for each in asked:
        names = _among(each, known)
        if len(found) == MOST:
            break
        if names is not None and _top(each) not in names:
            found.append(_told(each, names))
    return found


def _among(each: Named, known: Known) -> Collection[str] | None:
    if each.kind == "event":
        return known.events
    if each.kind == "channel":
        return known.channels
    return known.properties.get(each.event or "")


def _top(each: Named) -> str:
    """Return what is looked for: of a property its name at the top, whatever lies within."""
    return each.name.split(".")[1] if each.kind == "property" else each.name


def _told(each: Named, names: Collection[str]) -> Warning:
    near = nearest(_top(each), names)
    rest = each.name.split(".")[2:]
    meant = near if near is None or each.kind != "property" else ".".join(["properties", near, *rest])
    shown = {"name": _cut(each.name), "event": _cut(each.event or "")}
    said = [words.format_map(shown) for words in _WORDS[each.kind]]
    if meant is None:
        en, zh = f"{said[0]}.", f"{said[1]}。"
    else:
        en, zh = (told + near.format(name=_cut(meant)) for told, near in zip(said, _NEAR, strict=True))
    return Warning(each.pointer, each.name, meant, en, zh)


def _cut(name: str) -> str:
    return visible(name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…")
