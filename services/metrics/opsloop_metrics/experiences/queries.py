"""Experience as SQL over the event store; what clients call a thing, and where they say it, is listed here once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.experiences import rules
from opsloop_metrics.experiences.rules import DEAD_EVENTS, ERROR_EVENTS, RAGE_EVENTS, THRESHOLDS, VITALS_EVENTS, Metric
from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding, apart, from_events, person_of
from opsloop_metrics.insights.periods import Frame, interval_sql, moved
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
_CODES = 256
_IDLE_MS = IDLE // timedelta(milliseconds=1)
_ACTIVITY = "e.kind IN ('track', 'page', 'screen')"
_PAGE = f"multiIf(e.path != '', e.path, e.title != '', {apart('e.title')}, '{rules.NONE}')"
_VERSION = f"if(e.app_version = '', '{rules.NONE}', {apart('toString(e.app_version)')})"


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
    intervals = len(frame.edges) - 1
    found = await ask(
        session,
        frame,
        f"SELECT grouping(place) AS of_none, grouping(page) AS of_page, place, page, {measures}, "
        f"{' + '.join(f'count({metric})' for metric in Metric)} AS samples "
        f"FROM (SELECT {place}, {_measured(bind)} {events}) GROUP BY GROUPING SETS ((), (place), (page)) "
        f"ORDER BY samples DESC, page LIMIT {max(limit, intervals)} BY of_none, of_page",
        bind,
    )
    overall = [rules.NOTHING] * len(Metric)
    by_interval, by_page = {}, []
    for is_all_time, is_all_pages, place, page, *row, samples in found.rows:
        measured = list(_measurements(row))
        if is_all_time and is_all_pages:
            overall = measured
        elif is_all_pages:
            by_interval[int(place)] = measured
        elif int(samples):
            by_page.append((page, measured))
    return rules.vitals(overall, by_interval, by_page[:limit], intervals)


def _measurements(row: Sequence[float | None]) -> Iterator[rules.Measured]:
    for start in range(0, len(row), 4):
        samples, p75, good, poor = row[start : start + 4]
        yield rules.Measured(int(samples or 0), p75, int(good or 0), int(poor or 0))


def _measured(bind: Binding) -> str:
    """Return SQL with a column for each metric, NULL where an event does not measure it.

    The properties are read once, as JSON by name: of a text or a list that is no number either.
    """
    columns = ["CAST(JSONExtractKeysAndValuesRaw(e.properties), 'Map(String, String)') AS told"]
    for metric in Metric:
        posthog, amplitude, plain = (
            f"told[{bind.text(name)}]"
            for name in (f"$web_vitals_{metric.upper()}_value", f"[Amplitude] {metric.upper()}", str(metric))
        )
        inner = f"JSONExtractRaw({amplitude}, 'value')"
        value = f"toFloat64OrNull(multiIf({posthog} != '', {posthog}, {amplitude} != '', {inner}, {plain}))"
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
    error = _named(ERROR_EVENTS, bind)
    told = _told(frame, bind, f"{_VERSION} AS version, {error} AS failed", "1", of_nobody=error)
    found = await ask(
        session,
        frame,
        f"SELECT version, countIf(failed), uniqExactIf(person, failed), uniqExact(person) AS active FROM ({told}) "
        f"GROUP BY version WITH ROLLUP ORDER BY version = '{rules.ALL}' DESC, active DESC, version LIMIT {limit + 1}",
        bind,
    )
    by_version = {version: rules.Failed(version, *map(int, row)) for version, *row in found.rows}
    total = by_version.pop(rules.ALL, rules.Failed(rules.ALL, 0, 0, 0))
    shown = [total, *by_version.values()]

    bind = Binding()
    counted = await ask(session, frame, _sessions(frame, bind, [each.version for each in shown]), bind)
    sessions = {shown[int(place) - 1].version: rules.FailedSessions(*map(int, row)) for place, *row in counted.rows}
    return [rules.errors(each, sessions.get(each.version, rules.FailedSessions(0, 0))) for each in shown]


def _sessions(frame: Frame, bind: Binding, versions: Sequence[str]) -> str:
    """Return SQL with sessions that begin in the range, and those of them with an error, by the places of versions.

    The first version stands for all sessions; versions that are not asked for are at place 0. An event is one number, and what a
    session met are the codes in it: twice the version's place, and one more for an error.
    """
    start, end = milliseconds(frame.start), milliseconds(frame.end)
    events = from_events(
        frame, bind, since=moved(frame.start, -MARGIN), until=moved(frame.end, MARGIN), conditions=[_ACTIVITY]
    )
    code = f"2 * indexOf({bind.texts(versions)}, {_VERSION}) + {_named(ERROR_EVENTS, bind)}"
    told = f"toUnixTimestamp64Milli(e.time) * {_CODES} + {code}"
    people = f"SELECT {person_of(frame)} AS person, arraySort(groupArray({told})) AS seen {events} GROUP BY person"
    pauses = f"arrayDifference(arrayMap(event -> intDiv(event, {_CODES}), seen))"
    cut = f"arraySplit((event, pause) -> pause > {_IDLE_MS}, seen, {pauses})"
    begun = f"arrayFilter(own -> own[1] >= {start * _CODES} AND own[1] < {end * _CODES}, {cut})"
    met = f"arrayMap(own -> arrayDistinct(arrayMap(event -> toUInt8(bitAnd(event, {_CODES - 1})), own)), {begun})"
    one = f"SELECT met FROM (SELECT {met} AS all_met FROM ({people})) ARRAY JOIN all_met AS met"
    of_all = "arrayPushBack(met, toUInt8(2 + arrayExists(code -> bitTest(code, 0), met)))"
    return (
        f"SELECT place, count(), countIf(has(codes, 2 * place + 1)) FROM (SELECT {of_all} AS codes FROM ({one})) "
        f"ARRAY JOIN arrayDistinct(arrayMap(code -> bitShiftRight(code, 1), codes)) AS place "
        "WHERE place > 0 GROUP BY place"
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
    names = [_named(each, bind) for each in kinds]
    kind = f"multiIf({', '.join(f'{name}, {place}' for place, name in enumerate(names))}, {len(kinds)}) AS kind"
    poor = " OR ".join(f"ifNull({metric} > {THRESHOLDS[metric][1]}, 0)" for metric in Metric)
    who = f"{person_of(frame)} AS person, {_PAGE} AS page"
    # properties are large, and only measurements are read of them
    clicked_or_failed = _named([name for each in kinds for name in each], bind)
    met = f"SELECT {who}, {kind} {from_events(frame, bind, conditions=[_ACTIVITY, clicked_or_failed])}"
    measured = f"SELECT {who}, {_measured(bind)} {from_events(frame, bind, conditions=[_ACTIVITY, vitals])}"
    told = f"{met} UNION ALL SELECT person, page, {len(kinds)} AS kind FROM ({measured}) WHERE {poor}"
    counts = ", ".join(f"uniqExactIf(person, kind = {place})" for place in range(len(kinds) + 1))
    troubled = await ask(
        session,
        frame,
        f"SELECT page, uniqExact(person) AS troubled, {counts} FROM ({told}) WHERE page != '{rules.NONE}' GROUP BY page "
        f"ORDER BY troubled DESC, page LIMIT {limit}",
        bind,
    )
    bind = Binding()
    shown = f"{_PAGE} IN {bind.texts([page for page, *_ in troubled.rows])}"
    there = await ask(
        session,
        frame,
        f"SELECT page, uniqExact(person) FROM (SELECT {who} {from_events(frame, bind, conditions=[_ACTIVITY, shown])}) GROUP BY page",
        bind,
    )
    people = {page: int(count) for page, count in there.rows}
    return rules.friction(
        (rules.Troubled(page, people.get(page, 0), *map(int, row)) for page, *row in troubled.rows), everybody
    )


def _told(frame: Frame, bind: Binding, columns: str, condition: str, *, of_nobody: str | None = None) -> str:
    """Return SQL with `columns` of events and their `person`, NULL for those of nobody: they are events, and no people.

    `of_nobody`: which of those count, where not all do that `condition` holds for.
    """
    people = from_events(frame, bind, conditions=[_ACTIVITY, condition])
    nobody = [_ACTIVITY, of_nobody or condition, "e.is_personless = 1"]
    return (
        f"SELECT {columns}, toNullable({person_of(frame)}) AS person {people} "
        f"UNION ALL SELECT {columns}, NULL AS person {from_events(frame, bind, conditions=nobody, of_people=False)}"
    )


def _named(names: Sequence[str], bind: Binding) -> str:
    return f"(e.event IN {bind.texts(names)})"


def _text(path: Path, bind: Binding) -> str:
    places = ", ".join(str(place) if isinstance(place, int) else bind.text(place) for place in path)
    return f"JSONExtractString(e.properties, {places})"


def _first(paths: Sequence[Path], bind: Binding) -> str:
    """Return SQL for the first text that is there, '' for none."""
    return _one_of([_text(path, bind) for path in paths])


def _one_of(texts: Sequence[str]) -> str:
    cases = ", ".join(f"{text} != '', {text}" for text in texts)
    return f"multiIf({cases}, '')"  # goes only as far as it has to, where an array would read all


def _cut(text: str) -> str:
    return f"substringUTF8({text}, 1, {_LONGEST})"
