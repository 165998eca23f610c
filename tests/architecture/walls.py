"""pytest plugin: which room touched which table in this run. A table is written by its own room, and read by others through it.

Whose a table is, the slices say (`Slice.models`). A run fails on what crosses a wall; one of whole folders prints all of it.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from importlib import import_module
from pathlib import Path

import pytest

from opsloop_common.testing.run import shared_folder
from opsloop_common.testing.scheduling import is_worker
from tests.architecture.touches import CALLS, HIDES, READS, TOUCHES, WRITES, Touch

_SENDING = "opsloop_notifications.sending"
_BY_DESIGN = {
    "the fast path of one post is one statement with its event and its key; the plain way asks the room of items": [
        ("opsloop_feedback.intake.quick", WRITES, "feedback"),
    ],
    "the owner's `service` made the query, the door only pages it": [
        ("opsloop_campaigns.sending.routes", READS, "recipient"),
        (f"{_SENDING}.routes", READS, "delivery"),
        ("opsloop_feedback.search.routes", READS, "feedback"),
        ("opsloop_feedback.search.routes", READS, "feedback_token"),
        ("opsloop_notifications.lines.routes", READS, "delivery_line"),
        ("opsloop_feedback.slas.routes", READS, "sla_clock"),
        ("opsloop_feedback.clusters.routes", READS, "cluster_member"),
        ("opsloop_feedback.items.routes", READS, "cluster_member"),
        ("opsloop_feedback.items.queries", READS, "cluster_member"),
        ("opsloop_feedback.items.counting", READS, "cluster_member"),
        ("opsloop_feedback.search.routes", READS, "cluster_member"),
        *(
            ("opsloop_feedback.people.routes", READS, table)
            for table in ("person", "person_identity", "person_suggestion")
        ),
        ("opsloop_metrics.event_imports.routes", READS, "rejection"),
        ("opsloop_notifications.digest_mails.routes", READS, "digest"),
        ("opsloop_notifications.calling.routes", READS, "call_attempt"),
        ("opsloop_notifications.alerts.queries", READS, "notification"),
        ("opsloop_notifications.outcomes.routes", READS, "notification"),
        ("opsloop_notifications.outcomes.routes", READS, "message"),
    ],
    "a list of 100,000 people is copied by one statement and never leaves the database": [
        ("opsloop_campaigns.recipients.service", READS, "campaign"),
    ],
    "an event's document is held, or taken over, in the statement that needs it: between two it could be forgotten": [
        ("opsloop_notifications.deliveries.service", READS, "event_log"),
    ],
    "a deleted endpoint goes in the statement that finds none of its deliveries left: between two one could be planned": [
        ("opsloop_notifications.endpoints.service", READS, "delivery"),
    ],
    "whom an order is of is asked in the statement that adds it up: a list of all buyers would travel to and fro": [
        ("opsloop_metrics.orders.queries", READS, "person_alias"),
    ],
    "members are compared with who is there in one statement: of those who stay as they are nothing travels to and fro": [
        ("opsloop_metrics.segments.queries", READS, "person"),
    ],
    "the queue's engine, in common, works on the table that it was handed": [
        (f"{_SENDING}.timers", WRITES, "delivery_queue"),
        ("opsloop_notifications.posting.timers", WRITES, "notification_queue"),
        ("opsloop_notifications.calling.timers", WRITES, "call_queue"),
    ],
    "claiming what to call is one statement: five round trips were on the way of each webhook": [
        (f"{_SENDING}.queries", WRITES, "delivery_queue"),
        *((f"{_SENDING}.queries", READS, table) for table in ("delivery", "delivery_queue", "event_log", "webhook")),
    ],
    "hearing an event is one statement, whose parts the owners' `service` gives (LOG_SQL, PLAN_SQL, UNCHANGED_SQL)": [
        (f"{_SENDING}.service", READS, "webhook"),
        *(
            (f"{_SENDING}.service", WRITES, table)
            for table in ("delivery", "delivery_line", "delivery_queue", "event_log", "event_log_counter")
        ),
    ],
}
BY_DESIGN = {Touch(*touch): reason for reason, touches in _BY_DESIGN.items() for touch in touches}
"""What goes across a wall all the same, and why."""

FOUND = pytest.StashKey[set[Touch]]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what this process executed; the one that began the run reads what all of them did, and fails on crossings."""
    file = shared_folder() / f"touches-{os.getpid()}.json"
    file.write_text(json.dumps(sorted(TOUCHES.found())))
    if is_worker(session.config):
        return
    found = {Touch(*each) for file in shared_folder().glob("touches-*.json") for each in json.loads(file.read_text())}
    session.config.stash[FOUND] = found
    if crossings(found) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the rooms and their tables, and what crosses."""
    found = config.stash.get(FOUND, set())
    if lines := crossings(found):
        terminalreporter.section("tables touched across rooms", red=True)
        terminalreporter.write_line("\n".join(lines))
    if found and all(Path(argument).is_dir() for argument in config.args):
        terminalreporter.section("tables touched")
        terminalreporter.write_line("\n".join(table_of(found)))


def owners(service: str) -> dict[str, str]:
    """Return the room of each table of a service: what `app.py` lists, and what the slices declare."""
    slices = import_module(f"opsloop_{service}.app").SERVICE.slices
    return {model.__tablename__: each.name for each in slices for model in each.models}


def room_of(module: str) -> tuple[str, str]:
    """Return (service, room) of a module; one beside the rooms is called as itself."""
    service, room, *_ = (*module.removeprefix("opsloop_").split("."), "")
    return service, room


def by_owner(found: set[Touch]) -> list[tuple[Touch, str, str, str]]:
    """Return each touch of a room's table with its service, its room, and the room whose the table is."""
    told = []
    for touch in sorted(found):
        service, room = room_of(touch.module)
        owner = owners(service).get(touch.table)
        if owner is not None and room != "migrations" and touch.verb != CALLS:
            told.append((touch, service, room, owner))
    return told


def crossings(found: set[Touch]) -> list[str]:
    """Return what touches another room's table, unless it is listed, in words; and what nobody could read, or hides a table."""
    hidden = [f"{module} executes what cannot be read: {sql}" for module, verb, sql in sorted(found) if verb == HIDES]
    called = [
        f"{module} calls a part of a WITH {name}, which hides the table of this name: call it something else"
        for module, verb, name in sorted(found)
        if verb == CALLS and name in owners(room_of(module)[0])
    ]
    return [
        *hidden,
        *called,
        *(
            f"{touch.module} {touch.verb} {touch.table}, which belongs to {owner}"
            for touch, _, room, owner in by_owner(found)
            if room != owner and touch not in BY_DESIGN
        ),
    ]


def table_of(found: set[Touch]) -> list[str]:
    """Return one line for each room: what it writes, what it reads, and `*` at what belongs to another."""
    rooms: dict[str, dict[str, set[str]]] = defaultdict(lambda: {WRITES: set(), READS: set()})
    for touch, service, room, owner in by_owner(found):
        rooms[f"{service}.{room}"][touch.verb].add(touch.table if room == owner else f"{touch.table}*")
    lines = [f"{'room':28} {'writes':44} reads"]
    lines += [
        f"{room:28} {', '.join(sorted(did[WRITES])) or '-':44} {', '.join(sorted(did[READS])) or '-'}"
        for room, did in sorted(rooms.items())
    ]
    return lines
