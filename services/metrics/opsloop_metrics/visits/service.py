"""Opens the GeoIP database that an operator supplies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import maxminddb

from opsloop_common.foreign import readable
from opsloop_metrics.visits.rules import Place, nowhere

MAX_NAME = 200


@contextmanager
def places(path: Path | None) -> Iterator[Callable[[str], Place | None]]:
    """Yield what knows where an address is, by a .mmdb file of countries or cities (GeoLite2, DB-IP); without one it knows nothing.

    The file is mapped, not read: replace it by a rename, and start again. Raises OSError or maxminddb.InvalidDatabaseError for a file
    that is none.
    """
    if path is None:
        yield nowhere
        return
    with maxminddb.open_database(path) as reader:
        yield lambda ip: _place(readable(reader.get, ip))


def _place(record: object) -> Place | None:
    if not isinstance(record, Mapping):
        return None
    regions = record.get("subdivisions")
    return Place(
        country=_text(record.get("country"), "iso_code") or _text(record.get("registered_country"), "iso_code"),
        region=_name(regions[0]) if isinstance(regions, list) and regions else "",
        city=_name(record.get("city")),
    )


def _name(thing: object) -> str:
    names = thing.get("names") if isinstance(thing, Mapping) else None
    return _text(names, "en")


def _text(thing: object, name: str) -> str:
    found = cast(Mapping[str, object], thing).get(name) if isinstance(thing, Mapping) else None
    return found[:MAX_NAME] if isinstance(found, str) else ""
