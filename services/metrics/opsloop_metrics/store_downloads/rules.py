"""What a row of a store's report says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum
from hashlib import blake2b

from opsloop_common.foreign import readable
from opsloop_metrics.capture.rules import Reason, Refused, storable
from opsloop_metrics.reading.rules import cell, moment_of

COLUMNS = {
    "day": ("day", "date", "begin date", "日期"),
    "store": ("store", "商店"),
    "app": ("app", "apple identifier", "package name", "应用"),
    "country": ("country", "country code", "国家"),
    "downloads": ("downloads", "units", "daily user installs", "daily device installs", "下载量"),
}
"""What files call their columns, in any case: ours, App Store Connect's (Sales, Summary, Daily), Google Play's (installs by country)."""
_REPORTS = {"apple identifier": "app_store", "package name": "google_play"}
_TYPE = "product type identifier"
_FIRST = frozenset({"1", "1F", "1T", "1E", "1EP", "1EU", "F1"})
"""App Store Connect's types of rows that are first downloads; all others are updates, downloads anew, or purchases."""
_COUNT = re.compile(r"-?[0-9]{1,12}(\.0+)?")
_MONTH_FIRST = re.compile(r"\d{1,2}/\d{1,2}/\d{4}", re.ASCII)
_MOST_TEXT = 200


class Span(StrEnum):
    """What downloads are added up by; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Downloads:
    """How often an app was downloaded on a day, from a store, in a country.

    A report may have several rows of these (versions, devices): `detail` tells them apart, and they add up.
    """

    day: date
    store: str
    app: str
    country: str
    downloads: int
    detail: str


def missing(names: Sequence[str]) -> list[str]:
    """Return, of columns without which no row can be read, those that are not among `names`."""
    found = {name.strip().casefold() for name in names}
    known = [name for name in ("day", "app", "downloads") if found.isdisjoint(COLUMNS[name])]
    return known if found & {*_REPORTS, *COLUMNS["store"]} else [*known, "store"]


def read_row(row: Mapping[str, object], zone: tzinfo) -> Downloads:
    """Return what a row of texts says; raises Refused. Rows of App Store Connect that are no first downloads count nothing.

    A day is one as its store counts days, in whatever `zone`.
    """
    cells = {name.strip().casefold(): str(value).strip() for name, value in row.items()}
    taken = {name: next((each for each in names if cells.get(each)), "") for name, names in COLUMNS.items()}
    told = {name: cells.get(column, "") for name, column in taken.items()}
    store = told["store"] or next((store for column, store in _REPORTS.items() if column in cells), "")
    called = {name.strip().casefold(): name for name in row}
    columns = {
        name: called.get(column or next(filter(called.get, COLUMNS[name]), ""), name) for name, column in taken.items()
    }
    for name, value in (("store", store), ("app", told["app"]), ("country", told["country"])):
        if not value and name != "country":
            raise Refused(Reason.MISSING_ID, f"a row has to name its {name}", columns[name], value)
        if len(value) > _MOST_TEXT:
            raise Refused(Reason.TOO_LARGE, f"{name} has more than {_MOST_TEXT} characters", columns[name], value)
    with cell(columns["downloads"], told["downloads"]):
        if not _COUNT.fullmatch(told["downloads"]):
            raise Refused(Reason.BAD_PROPERTIES, "downloads have to be a whole number, without thousands separators")
    with cell(columns["day"], told["day"]):
        day = _day(told["day"])
    is_first = cells.get(_TYPE, "1") in _FIRST
    downloads = int(told["downloads"].partition(".")[0]) if is_first else 0
    if downloads < 0:
        detail = (
            "downloads have to be 0 or more: leave out rows of what was given back, which was downloaded all the same"
        )
        raise Refused(Reason.BAD_PROPERTIES, detail, columns["downloads"], told["downloads"])
    others = sorted((name, value) for name, value in cells.items() if value and name not in taken.values())
    detail = blake2b(repr(others).encode(errors="replace"), digest_size=12).hexdigest()
    return Downloads(day, storable(store), storable(told["app"]), storable(told["country"]).upper(), downloads, detail)


def _day(text: str) -> date:
    found = readable(_read_day, text)
    if found is None or not 1970 <= found.year <= 2148:
        raise Refused(Reason.BAD_TIME, "day has to be a day such as 2026-03-01")
    return found


def _read_day(text: str) -> date:
    # App Store Connect has 03/01/2026 for the first of March
    if _MONTH_FIRST.fullmatch(text):
        return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007 a day has no zone
    return moment_of(text).date()
