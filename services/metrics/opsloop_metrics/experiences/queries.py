"""Experience as SQL over the event store; what clients call a thing, and where they say it, is listed here once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.experiences import rules
from opsloop_metrics.experiences.rules import DEAD_EVENTS, ERROR_EVENTS, RAGE_EVENTS, THRESHOLDS, VITALS_EVENTS, Metric
from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding, from_events, number_of, person_of
from opsloop_metrics.insights.periods import Frame, interval_sql
from opsloop_metrics.sessions.rules import IDLE, MARGIN
from opsloop_metrics.store.port import milliseconds

Path = tuple[str | int, ...]
"""The way to a value among an event's properties; numbers are places in lists, from 1."""
_TEXT: tuple[Path, ...] = (
    ("$el_text",), ("$elements", 1, "$el_text"), ("[Amplitude] Element Text",), ("text",),
)  # fmt: skip
_SELECTOR: tuple[Path, ...] = (("[Amplitude] Element Selector",), ("selector",))
_TAG: tuple[Path, ...] = (("$elements", 1, "tag_name"), ("$el_tag_name",))
_ID: tuple[Path, ...] = (("$elements", 1, "attr__id"), ("$el_id",))
_TYPE: tuple[Path, ...] = (("$exception_list", 1, "type"), ("$exception_types", 1), ("$exception_type",), ("type",))
_MESSAGE: tuple[Path, ...] = (
    ("$exception_list", 1, "value"), ("$exception_values", 1), ("$exception_message",), ("message",),
)  # fmt: skip
_NUMBERS = "0[xX][0-9a-fA-F]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]+(?:[.,][0-9]+)*"
"""What differs between messages of one error: hexadecimal numbers, UUIDs, numbers."""
_LONGEST = 500  # characters of a text that are told
_IDLE_MS = IDLE // timedelta(milliseconds=1)
_ACTIVITY = "e.kind IN ('track', 'page', 'screen')"
_PAGE = f"multiIf(e.path != '', e.path, e.title != '', e.title, '{rules.NONE}')"
_VERSION = f"if(e.app_version = '', '{rules.NONE}', toString(e.app_version))"


async def find_experience(session: AsyncSession, frame: Frame, limit: int) -> rules.Result:
    """Return how people fare, `limit` rows of each list; raises TooHeavy, StoreUnavailable."""
    frame = frame.aligned()
    versions = await _versions(session, frame, limit)
    total = versions[0]
    return rules.Result(
        intervals=list(frame.edges[:-1]),
        incomplete_from=frame.incomplete_from,
        people=total.active_people,
        sessions=total.active_sessions,
        vitals=await _vitals(session, frame, limit),
        clicks=await _clicks(session, frame, limit, total.active_sessions),
        errors=rules.AllErrors(total, versions[1:], await _error_kinds(session, frame, limit)),
        friction=await _friction(session, frame, limit, total.active_people),
    )


async def _vitals(session: AsyncSession, frame: Frame, limit: int) -> rules.Vitals:
    bind = Binding()
    measures = ", ".join(
        f"count({metric}), quantileExactInclusiveOrNull(0.75)({metric}), "
        f"countIf({metric} <= {good}), countIf({metric} > {poor})"
        for metric, (good, poor) in THRESHOLDS.items()
    )
    place = f"{interval_sql(frame, 'e.time')} AS place, {_PAGE} AS page"
    # a sample is of a page, whoever was there: those of nobody count
    events = from_events(frame, bind, conditions=[_ACTIVITY, _named(VITALS_EVENTS, bind)], of_people=False)
    told = f"SELECT {place}, {_measured(bind)} {events}"
    samples = " + ".join(f"count({metric})" for metric in Metric)
    overall = await ask(session, frame, f"SELECT {measures} FROM ({told})", bind)
    by_interval = await ask(session, frame, f"SELECT place, {measures} FROM ({told}) GROUP BY place", bind)
    by_page = await ask(
        session,
        frame,
        f"SELECT page, {measures} FROM ({told}) GROUP BY page HAVING {samples} > 0 ORDER BY {samples} DESC, page LIMIT {limit}",
        bind,
    )
    return rules.vitals(
        list(_measurements(overall.rows[0])),
        {int(place): list(_measurements(row)) for place, *row in by_interval.rows},
        [(page, list(_measurements(row))) for page, *row in by_page.rows],
        len(frame.edges) - 1,
    )


def _measurements(row: Sequence[float | None]) -> Iterator[rules.Measured]:
    for start in range(0, len(row), 4):
        samples, p75, good, poor = row[start : start + 4]
        yield rules.Measured(int(samples or 0), p75, int(good or 0), int(poor or 0))


def _measured(bind: Binding) -> str:
    """Return SQL with a column for each metric, NULL where an event does not measure it."""
    columns = []
    for metric in Metric:
        name = metric.upper()
        told = (f"$web_vitals_{name}_value", f"[Amplitude] {name}.value", str(metric))
        value = f"coalesce({', '.join(number_of(f'properties.{each}', bind) for each in told)})"
        columns.append(f"if({value} >= 0 AND isFinite({value}), {value}, NULL) AS {metric}")
    return ", ".join(columns)


async def _clicks(session: AsyncSession, frame: Frame, limit: int, sessions: int) -> rules.Clicks:
    bind = Binding()
    tag, id = _first(_TAG, bind), _first(_ID, bind)
    chain = f"extract({_text(('$elements_chain',), bind)}, '^[^:;]+')"
    selectors = [_text(path, bind) for path in _SELECTOR]
    selectors += [chain, f"concat({tag}, if({id} = '', '', concat('#', {id})))"]
    columns = (
        f"{_named(RAGE_EVENTS, bind)} AS is_rage, {_PAGE} AS page, {_cut(_first(_TEXT, bind))} AS text, "
        f"{_cut(_one_of(selectors))} AS selector"
    )
    told = _told(frame, bind, columns, _named(RAGE_EVENTS + DEAD_EVENTS, bind))
    counts = "countIf(is_rage), countIf(NOT is_rage)"
    order = "ORDER BY count() DESC"
    totals = await ask(
        session,
        frame,
        f"SELECT is_rage, count(), count(person), uniqExact(person) FROM ({told}) GROUP BY is_rage",
        bind,
    )
    pages = await ask(
        session,
        frame,
        f"SELECT page, {counts}, uniqExact(person) FROM ({told}) GROUP BY page {order}, page LIMIT {limit}",
        bind,
    )
    elements = await ask(
        session,
        frame,
        f"SELECT page, text, selector, {counts}, uniqExact(person) FROM ({told}) WHERE text != '' OR selector != '' "
        f"GROUP BY page, text, selector {order}, page, text, selector LIMIT {limit}",
        bind,
    )
    by_kind = {bool(int(is_rage)): [int(each) for each in row] for is_rage, *row in totals.rows}

    def total(is_rage: bool) -> rules.ClickTotal:
        events, of_people, people = by_kind.get(is_rage, (0, 0, 0))
        return rules.ClickTotal(events, people, rules.per_1000(of_people, sessions))

    return rules.Clicks(
        total(True),
        total(False),
        pages=[rules.ClickedPage(page, *map(int, row)) for page, *row in pages.rows],
        elements=[
            rules.ClickedElement(page, text or None, selector or None, *map(int, row))
            for page, text, selector, *row in elements.rows
        ],
    )


async def _versions(session: AsyncSession, frame: Frame, limit: int) -> list[rules.Errors]:
    """Return errors of all versions, and then of the versions with the most people."""
    bind = Binding()
    failed = f"{_named(ERROR_EVENTS, bind)} AS failed"
    told = _told(frame, bind, f"{_VERSION} AS version, {failed}", _ACTIVITY)
    found = await ask(
        session,
        frame,
        "SELECT version, countIf(failed), uniqExactIf(person, failed), uniqExact(person) AS active "
        f"FROM ({told}) GROUP BY GROUPING SETS ((version), ()) "
        f"ORDER BY version = '{rules.ALL}' DESC, active DESC, version LIMIT {limit + 1}",
        bind,
    )
    by_version = {version: rules.Failed(version, *map(int, row)) for version, *row in found.rows}
    total = by_version.pop(rules.ALL, rules.Failed(rules.ALL, 0, 0, 0))
    shown = [total, *by_version.values()]

    bind = Binding()
    counted = await ask(session, frame, _sessions(frame, bind, [each.version for each in shown]), bind)
    sessions = {version: rules.FailedSessions(*map(int, row)) for version, *row in counted.rows}
    return [rules.errors(each, sessions.get(each.version, rules.FailedSessions(0, 0))) for each in shown]


def _sessions(frame: Frame, bind: Binding, versions: Sequence[str]) -> str:
    """Return SQL with sessions that begin in the range, and those of them with an error, by version and for all."""
    start, end = milliseconds(frame.start), milliseconds(frame.end)
    events = from_events(
        frame, bind, since=frame.start - MARGIN, until=frame.end + MARGIN, conditions=[_ACTIVITY]
    )  # fmt: skip
    told = f"toUnixTimestamp64Milli(e.time), {_VERSION}, {_named(ERROR_EVENTS, bind)}"
    people = f"SELECT {person_of(frame)} AS person, arraySort(groupArray(({told}))) AS seen {events} GROUP BY person"
    cut = f"arraySplit((event, pause) -> pause > {_IDLE_MS}, seen, arrayDifference(seen.1))"
    begun = f"arrayFilter(own -> own[1].1 >= {start} AND own[1].1 < {end}, {cut})"
    # each session becomes its versions, and those of them that failed; a version of all is put to both
    failing = "arrayFilter((version, failed) -> failed, own.2, own.3)"
    summed = (
        f"arrayMap(own -> (arrayConcat(['{rules.ALL}'], arrayDistinct(own.2)), "
        f"arrayConcat(if(has(own.3, 1), ['{rules.ALL}'], []), arrayDistinct({failing}))), {begun})"
    )
    one = f"SELECT one.1 AS versions, one.2 AS failing FROM (SELECT {summed} AS own FROM ({people})) ARRAY JOIN own AS one"
    return (
        f"SELECT version, count(), countIf(has(failing, version)) FROM ({one}) ARRAY JOIN versions AS version "
        f"WHERE has({bind.texts(versions)}, version) GROUP BY version"
    )


async def _error_kinds(session: AsyncSession, frame: Frame, limit: int) -> list[rules.ErrorKind]:
    bind = Binding()
    message = f"replaceRegexpAll({_cut(_first(_MESSAGE, bind))}, '{_NUMBERS}', '#')"
    columns = f"{_cut(_first(_TYPE, bind))} AS type, {message} AS message"
    told = _told(frame, bind, columns, _named(ERROR_EVENTS, bind))
    found = await ask(
        session,
        frame,
        f"SELECT type, message, count(), uniqExact(person) FROM ({told}) GROUP BY type, message "
        f"ORDER BY count() DESC, type, message LIMIT {limit}",
        bind,
    )
    return [rules.ErrorKind(type or None, message or None, *map(int, row)) for type, message, *row in found.rows]


async def _friction(session: AsyncSession, frame: Frame, limit: int, everybody: int) -> list[rules.Friction]:
    bind = Binding()
    vitals = _named(VITALS_EVENTS, bind)
    kinds = (RAGE_EVENTS, DEAD_EVENTS, ERROR_EVENTS)
    trouble = ", ".join(f"{_named(names, bind)}, {1 << place}" for place, names in enumerate(kinds))
    poor = " OR ".join(f"ifNull({metric} > {THRESHOLDS[metric][1]}, 0)" for metric in Metric)
    who = f"{person_of(frame)} AS person, {_PAGE} AS page"
    # properties are large, and only measurements are read of them
    seen = f"SELECT {who}, multiIf({trouble}, 0) AS met {from_events(frame, bind, conditions=[_ACTIVITY, f'NOT {vitals}'])}"
    measured = f"SELECT {who}, {_measured(bind)} {from_events(frame, bind, conditions=[_ACTIVITY, vitals])}"
    told = f"{seen} UNION ALL SELECT person, page, if({poor}, {1 << len(kinds)}, 0) AS met FROM ({measured})"
    each = f"SELECT page, person, groupBitOr(toUInt8(met)) AS met FROM ({told}) WHERE page != '{rules.NONE}' GROUP BY page, person"
    counts = ", ".join(f"countIf(bitTest(met, {place}))" for place in range(len(kinds) + 1))
    found = await ask(
        session,
        frame,
        f"SELECT page, count() AS people, countIf(met > 0) AS troubled, {counts} FROM ({each}) GROUP BY page "
        f"HAVING troubled > 0 ORDER BY troubled DESC, people, page LIMIT {limit}",
        bind,
    )
    return rules.friction((rules.Troubled(page, *map(int, row)) for page, *row in found.rows), everybody)


def _told(frame: Frame, bind: Binding, columns: str, condition: str) -> str:
    """Return SQL with `columns` of events and their `person`, NULL for those of nobody: they are events, and no people."""
    of_people = from_events(frame, bind, conditions=[_ACTIVITY, condition])
    of_nobody = from_events(frame, bind, conditions=[_ACTIVITY, condition, "e.is_personless = 1"], of_people=False)
    return (
        f"SELECT {columns}, toNullable({person_of(frame)}) AS person {of_people} "
        f"UNION ALL SELECT {columns}, NULL AS person {of_nobody}"
    )


def _named(names: Sequence[str], bind: Binding) -> str:
    return f"e.event IN {bind.texts(names)}"


def _text(path: Path, bind: Binding) -> str:
    places = ", ".join(str(place) if isinstance(place, int) else bind.text(place) for place in path)
    return f"JSONExtractString(e.properties, {places})"


def _first(paths: Sequence[Path], bind: Binding) -> str:
    """Return SQL for the first text that is there, '' for none."""
    return _one_of([_text(path, bind) for path in paths])


def _one_of(texts: Sequence[str]) -> str:
    return f"arrayFirst(text -> text != '', [{', '.join(texts)}])"


def _cut(text: str) -> str:
    return f"substringUTF8({text}, 1, {_LONGEST})"
