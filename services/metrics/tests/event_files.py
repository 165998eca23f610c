"""Files of events as tests read them."""

import json
from datetime import UTC, datetime

from opsloop_metrics.capture.rules import Message, Problem
from opsloop_metrics.event_files import rules
from opsloop_metrics.event_files.rules import Columns, Format, Place

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHEN = "2024-05-06T07:08:09Z"
AT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
COLUMNS = Columns()
CSV = "event,time,user_id,amount\n"


def read_all(data, format=Format.CSV, columns=COLUMNS, *, piece=None, limit=1_000):
    """Read a file as the job does, a piece at a time; returns messages and problems by row."""
    data = data.encode() if isinstance(data, str) else data
    piece = piece or max(len(data), 1)
    head = rules.head_of(data, format, columns, is_whole=True)
    place, found, rounds = Place(head.length, 1 if format is Format.CSV else 0), {}, 0
    while place.at < len(data):
        part = data[place.at : place.at + piece]
        is_last = place.at + len(part) == len(data)
        before = place
        rows, place = rules.cut(part, place, head, format, columns, is_last=is_last, limit=limit)
        assert place.at > before.at, "it goes on"
        for row in rows:
            found[row.number] = rules.read_row(row, format=format, columns=columns, zone=UTC, now=NOW)
        rounds += 1
        assert rounds < 10_000
    return found


def one(data, format=Format.CSV, columns=COLUMNS):
    [found] = read_all(data, format, columns).values()
    return found


def message(data, format=Format.CSV, columns=COLUMNS) -> Message:
    found = one(data, format, columns)
    assert isinstance(found, Message), found
    return found


def problem(data, format=Format.CSV, columns=COLUMNS) -> Problem:
    found = one(data, format, columns)
    assert isinstance(found, Problem), found
    return found


def json_row(**fields):
    return json.dumps({"event": "Paid", "time": WHEN, "user_id": "u1"} | fields)
