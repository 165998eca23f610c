"""Which module of a service touches which table: what the suite executes is noted here, and read when the run is over.

The innermost frame of a service decides, so that a room that asks another's `service` reads nothing itself, and common's code counts
for the room that called it. What the unit of work writes is noted when the row is changed, since any later query may flush it.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from types import FrameType
from typing import Any, NamedTuple

import sqlglot
from greenlet import getcurrent
from sqlalchemy import Engine, event
from sqlalchemy.orm import Mapper, Session
from sqlglot import exp

from opsloop_common.connections import Connection

READS, WRITES, HIDES, CALLS = "reads", "writes", "hides", "calls"
_CHANGING = (exp.Insert, exp.Update, exp.Delete, exp.Merge)
_FLUSHING = "sqlalchemy.orm.unitofwork"


class Touch(NamedTuple):
    """A module, as in `opsloop_feedback.intake.queries`, and what it does to a table.

    `hides`: a statement that we cannot read. `calls`: a part of a statement's WITH has this name, and may hide a table that has it too.
    """

    module: str
    verb: str
    table: str


class Touches:
    """What this process has executed so far."""

    def __init__(self) -> None:
        self._statements: dict[str, set[str]] = defaultdict(set)
        self._changed: set[Touch] = set()

    def listen(self) -> None:
        """Note all that is executed from now on; to be called before the services are imported."""
        event.listen(Engine, "before_cursor_execute", lambda *given: self._note(given[2]))
        event.listen(Mapper, "after_mapper_constructed", self._listen_to_attributes)
        self._listen_to(Session, "delete", lambda row: self._note_change(row.__tablename__))
        self._listen_to(Connection, "fetch", self._note)

    def found(self) -> set[Touch]:
        """Return what was noted."""
        reads = {
            Touch(module, verb, table)
            for module, statements in self._statements.items()
            for statement in statements
            for verb, table in touched(statement) | {(CALLS, part) for part in parts(statement)}
        }
        return reads | self._changed

    def _listen_to(self, owner: Any, method: str, note: Any) -> None:
        original = getattr(owner, method)

        def noting(self: Any, what: Any, *more: Any, **named: Any) -> Any:
            note(what)
            return original(self, what, *more, **named)

        setattr(owner, method, noting)

    def _listen_to_attributes(self, mapper: Mapper[Any], kind: type) -> None:
        table = mapper.local_table.name
        for attribute in mapper.column_attrs:
            event.listen(getattr(kind, attribute.key), "set", lambda *_: self._note_change(table))

    def _note(self, statement: str) -> None:
        if (module := calling_module()) is not None:
            self._statements[module].add(statement)

    def _note_change(self, table: str) -> None:
        if (module := calling_module()) is not None:
            self._changed.add(Touch(module, WRITES, table))


TOUCHES = Touches()
"""What this run of tests does."""


def calling_module() -> str | None:
    """Return the innermost module of a service on the stack; None where a test speaks itself, and in a flush."""
    for frame in _frames():
        name: str = frame.f_globals.get("__name__", "")
        if name == __name__:
            continue
        if name.startswith("opsloop_") and not name.startswith("opsloop_common."):
            return name
        if name == _FLUSHING or name.startswith("tests.") or ".tests." in name:
            return None
    return None


def _frames() -> Iterator[FrameType]:
    """Walk the stack outwards; SQLAlchemy's statements run in a greenlet of their own below it."""
    frame: FrameType | None = sys._getframe(1)
    place = getcurrent()
    while frame is not None:
        yield frame
        frame = frame.f_back
        if frame is None and place.parent is not None:
            place = place.parent
            frame = place.gr_frame


@cache
def touched(statement: str) -> set[tuple[str, str]]:
    """Return (verb, table) of a statement, or that it hides them.

    What is read may be a part of the WITH, and is no table then; what is written always is one.
    """
    try:
        trees = _read(statement)
    except sqlglot.ParseError:
        return {(HIDES, statement)}
    found = set()
    for tree in trees:
        changed = {id(_target(change)) for change in tree.find_all(*_CHANGING)}
        names = _parts(tree)
        for table in tree.find_all(exp.Table):
            if id(table) in changed:
                found.add((WRITES, table.name))
            elif table.name and table.name not in names:
                found.add((READS, table.name))
    return found


@cache
def parts(statement: str) -> set[str]:
    """Return the names that a statement gives the parts of its WITH."""
    try:
        return set().union(*map(_parts, _read(statement)))
    except sqlglot.ParseError:  # `touched` tells of it
        return set()


@cache
def _read(statement: str) -> list[exp.Expression]:
    return [tree for tree in sqlglot.parse(statement, read="postgres") if tree is not None]


def _parts(tree: exp.Expression) -> set[str]:
    return {part.alias for part in tree.find_all(exp.CTE)}


def _target(change: exp.Expression) -> exp.Expression:
    target = change.this
    return target.this if isinstance(target, exp.Schema) else target
