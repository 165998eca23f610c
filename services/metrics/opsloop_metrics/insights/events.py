"""From filters to SQL over the event store: values are parameters, and nothing that somebody wrote stands in the text.

`FROM` always names the events `e`; `person` is whom an event is of, after all merges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from opsloop_common.conditions import Condition, Op
from opsloop_metrics.insights.periods import EventFilter, Frame
from opsloop_metrics.store.port import Parameter, milliseconds

COLUMNS = (
    "event", "url", "host", "path", "title", "referrer", "referrer_host", "channel",
    "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
    "browser", "browser_version", "os", "device", "country", "region", "city", "locale", "app_version",
    "distinct_id", "session_id", "source", "library",
)  # fmt: skip
"""What may be asked by its name, besides `properties.…`, `person.…` and `group.…`; '' stands for what is absent."""

CHARACTERS = 1_000
"""Of a value that an answer tells: a property may have 900 KiB."""
_ELEMENTS = 100
_ACTIVITY = "'track', 'page', 'screen'"
_NOBODY = "toUUID('00000000-0000-0000-0000-000000000000')"
_NUMBER = "('Int64', 'UInt64', 'Double')"
_SIGNS = {Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}


class Binding:
    """The values of a query: each is named here and stands in its SQL as a parameter."""

    def __init__(self) -> None:
        self.values: dict[str, Parameter] = {}

    def text(self, value: str) -> str:
        """Return SQL for a text."""
        return self._name(value, "String")

    def number(self, value: float) -> str:
        """Return SQL for a number."""
        return self._name(float(value), "Float64")

    def texts(self, values: Sequence[str]) -> str:
        """Return SQL for a list of texts."""
        return self._name(list(values), "Array(String)")

    def time(self, value: datetime) -> str:
        """Return SQL for a time, as milliseconds of UTC."""
        return f"fromUnixTimestamp64Milli({self._name(milliseconds(value), 'Int64')}, 'UTC')"

    def _name(self, value: Parameter, kind: str) -> str:
        name = next((known for known, has in self.values.items() if has == value and type(has) is type(value)), None)
        if name is None or not name.startswith(kind[:1].lower()):
            name = f"{kind[:1].lower()}{len(self.values)}"
            self.values[name] = value
        return f"{{{name}:{kind}}}"


def person_of(frame: Frame) -> str:
    """Return SQL for whom an event `e` is of."""
    return f"if(o.into = {_NOBODY}, e.person, o.into)" if frame.has_merges else "e.person"


def from_events(
    frame: Frame,
    bind: Binding,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    conditions: Iterable[str] = (),
    of_people: bool = True,
    with_traits: bool = False,
) -> str:
    """Return `FROM … WHERE …` for events `e` of the frame (or from `since` to `until`), filters of the frame included.

    `of_people` leaves out events that are of nobody, and only with it may `person_of` be asked for; `with_traits` joins what is
    known of the person as `p`.
    """
    with_traits = with_traits or any(condition.field.startswith("person.") for condition in frame.where)
    workspace = bind.text(frame.workspace)
    joins = ""
    if frame.has_merges and (of_people or with_traits):  # counting events asks for nobody: 10 million rows need no join
        joins += (
            " LEFT ANY JOIN (SELECT person, argMax(into, version) AS into FROM opsloop.person_override "
            f"WHERE workspace = {workspace} GROUP BY person) AS o ON e.person = o.person"
        )
    if with_traits:
        joins += (
            " LEFT ANY JOIN (SELECT id, argMax(traits, version) AS traits FROM opsloop.person "
            f"WHERE workspace = {workspace} GROUP BY id) AS p ON {person_of(frame)} = p.id"
        )
    wanted = [
        f"e.workspace = {workspace}",
        f"e.time >= {bind.time(since or frame.start)}",
        f"e.time < {bind.time(until or frame.end)}",
        *([] if frame.include_filtered else ["e.is_bot = 0", "e.is_test = 0"]),
        *(["e.is_personless = 0"] if of_people else []),
        *(holds(condition, bind) for condition in frame.where),
        *conditions,
    ]
    return f"FROM opsloop.event AS e{joins} WHERE {' AND '.join(wanted)}"


def matches(filter: EventFilter, bind: Binding) -> str:
    """Return SQL that says whether an event is one of the filter's. Another service's events count where they are named."""
    if filter.event is None:
        wanted = [f"e.kind IN ({_ACTIVITY})"]
    else:
        wanted = [f"e.event = {bind.text(filter.event)}", f"e.kind IN ({_ACTIVITY}, 'domain')"]
    return _all([*wanted, *(holds(condition, bind) for condition in filter.where)])


def needs_traits(*filters: EventFilter, fields: Iterable[str | None] = ()) -> bool:
    """Say whether filters or fields ask for what is known of the person."""
    asked = [condition.field for each in filters for condition in each.where]
    return any(field is not None and field.startswith("person.") for field in [*asked, *fields])


def value_of(field: str, bind: Binding) -> str:
    """Return SQL for a field as a text to break down by; '' where it is absent. Other kinds than text are written as JSON."""
    return apart(_text_of(field, bind))


def apart(text: str) -> str:
    """Return SQL for a text that is never `$none` or `$other`, which are rows of a table's own: such a text gets one more `$` before it."""
    return f"if(startsWith({text}, '$') AND match({text}, '^[$]+(none|other)$'), concat('$', {text}), {text})"


def _text_of(field: str, bind: Binding) -> str:
    document, path = _place(field, bind)
    if document is None:
        return f"toString({path})"
    given = f"{document}, {path}"
    return (
        f"multiIf(JSONType({given}) = 'String', JSONExtractString({given}), "
        f"JSONType({given}) = 'Null', '', JSONExtractRaw({given}))"
    )


def values_of(field: str, bind: Binding) -> str:
    """Return SQL for the texts of a field, each once: of a list of its elements (the first 100), else its own; none where absent."""
    document, path = _place(field, bind)
    many = f"[CAST({_text_of(field, bind)} AS String)]"
    if document is not None:
        given = f"{document}, {path}"
        text = "multiIf(JSONType(x) = 'String', JSONExtractString(x), JSONType(x) = 'Null', '', x)"
        elements = f"arrayMap(x -> {text}, arraySlice(JSONExtractArrayRaw({given}), 1, {_ELEMENTS}))"
        many = f"if(JSONType({given}) = 'Array', {elements}, {many})"
    texts = f"arrayMap(x -> leftUTF8(x, {CHARACTERS}), arrayFilter(x -> x != '', {many}))"
    return f"arrayDistinct(arrayMap(x -> {apart('x')}, {texts}))"


def number_of(field: str, bind: Binding) -> str:
    """Return SQL for a field as a number, NULL where it is none: a text of digits is a text."""
    document, path = _place(field, bind)
    if document is None:
        return "CAST(NULL, 'Nullable(Float64)')"
    return f"if(JSONType({document}, {path}) IN {_NUMBER}, JSONExtractFloat({document}, {path}), NULL)"


def holds(condition: Condition, bind: Binding) -> str:
    """Return SQL for a condition. What is absent counts as null: only `ne`, `not_in`, `exists` false and `eq` null hold."""
    document, path = _place(condition.field, bind)
    test = _column(path, condition, bind) if document is None else _json(f"{document}, {path}", condition, bind)
    return f"({test})"


def _place(field: str, bind: Binding) -> tuple[str | None, str]:
    """Return the document and the path in it that a field means, or None and a column of text."""
    head, _, rest = field.partition(".")
    if head == "group":
        return None, f"e.groups[{bind.text(rest)}]"
    if head in ("properties", "person"):
        document = "e.properties" if head == "properties" else "p.traits"
        return document, ", ".join(bind.text(name) for name in rest.split("."))
    return None, f"e.{field}"


def _column(column: str, condition: Condition, bind: Binding) -> str:
    value: Any = condition.value
    match condition.op:
        case Op.EXISTS:
            return f"{column} != ''" if value else f"{column} = ''"
        case Op.EQ | Op.NE:
            sign = "=" if condition.op is Op.EQ else "!="
            if value is None:
                return f"{column} {sign} ''"
            # an empty text in a column is what is absent, and so is never the same as an empty text
            is_text = isinstance(value, str) and value != ""
            return f"{column} {sign} {bind.text(value)}" if is_text else _never(condition.op is Op.NE)
        case Op.IN | Op.NOT_IN:
            texts = [each for each in value if isinstance(each, str) and each] + [""] * (None in value)
            among = f"has({bind.texts(texts)}, {column})"
            return among if condition.op is Op.IN else f"NOT {among}"
        case Op.CONTAINS:
            found = f"{column} != '' AND position({column}, {bind.text(value)}) > 0"
            return found if isinstance(value, str) else _never(False)
    if not isinstance(value, str):
        return _never(False)
    return f"{column} != '' AND {column} {_SIGNS[condition.op]} {bind.text(value)}"


def _json(given: str, condition: Condition, bind: Binding) -> str:
    value: Any = condition.value
    match condition.op:
        case Op.EXISTS:
            return f"JSONType({given}) {'!=' if value else '='} 'Null'"
        case Op.EQ:
            return _same(given, value, bind)
        case Op.NE:
            return f"NOT ({_same(given, value, bind)})"
        case Op.IN | Op.NOT_IN:
            among = " OR ".join(_same(given, each, bind) for each in value)
            return among if condition.op is Op.IN else f"NOT ({among})"
        case Op.CONTAINS:
            return _contains(given, value, bind)
    sign = _SIGNS[condition.op]
    if isinstance(value, str):
        return f"JSONType({given}) = 'String' AND JSONExtractString({given}) {sign} {bind.text(value)}"
    return f"JSONType({given}) IN {_NUMBER} AND JSONExtractFloat({given}) {sign} {bind.number(value)}"


def _same(given: str, value: Any, bind: Binding) -> str:
    if value is None:
        return f"JSONType({given}) = 'Null'"
    if isinstance(value, bool):
        return f"JSONType({given}) = 'Bool' AND JSONExtractBool({given}) = {int(value)}"
    if isinstance(value, str):
        return f"JSONType({given}) = 'String' AND JSONExtractString({given}) = {bind.text(value)}"
    return f"JSONType({given}) IN {_NUMBER} AND JSONExtractFloat({given}) = {bind.number(value)}"


def _contains(given: str, value: Any, bind: Binding) -> str:
    if isinstance(value, str):
        text = bind.text(value)
        part = f"JSONType({given}) = 'String' AND position(JSONExtractString({given}), {text}) > 0"
        member = (
            f"arrayExists(x -> JSONType(x) = 'String' AND JSONExtractString(x) = {text}, JSONExtractArrayRaw({given}))"
        )
        return f"({part}) OR ({member})"
    if isinstance(value, bool):
        return f"has(JSONExtractArrayRaw({given}), '{'true' if value else 'false'}')"
    same = f"JSONType(x) IN {_NUMBER} AND JSONExtractFloat(x) = {bind.number(value)}"
    return f"arrayExists(x -> {same}, JSONExtractArrayRaw({given}))"


def _never(otherwise: bool) -> str:
    return "1" if otherwise else "0"


def _all(parts: Sequence[str]) -> str:
    return f"({' AND '.join(parts)})"
