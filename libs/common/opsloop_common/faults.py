"""Tell faults that pass by themselves from faults of an event, and name the latter so that equal ones group."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import extract_tb

import asyncpg
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

TRANSIENT_CLASSES = ("08", "53", "57")  # connection, insufficient resources, operator intervention (restart, timeout)
TRANSIENT_STATES = frozenset({"40001", "40P01", "55P03", "25P03"})  # serialization, deadlock, lock and idle time-outs
DATA_CLASSES = (
    "22",
    "23",
    "44",
    "54",
    "P0",
)  # data, constraints, checks of views, program limits, raised by our triggers
REASON_LIMIT = 2_000
FRAMES = 6
_MACHINERY = ("opsloop_common.inbox", "opsloop_common.supervision")  # through which every handler is called


def is_transient(error: BaseException) -> bool:
    """Say whether the same work may succeed a little later without anybody changing anything."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        state = getattr(error.orig, "sqlstate", None)
        if state is not None:
            return state in TRANSIENT_STATES or state[:2] in TRANSIENT_CLASSES
        return error.orig is not None and is_transient(error.orig.__cause__ or error.orig)
    if isinstance(error, asyncpg.InterfaceError):  # also raised for wrong arguments, which stay wrong, and are quoted
        return "closed" in str(error) and not isinstance(error, ValueError)
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state in TRANSIENT_STATES or state[:2] in TRANSIENT_CLASSES
    if isinstance(error, OSError) and not isinstance(error, TimeoutError):
        return error.filename is None  # a connection; a file that is not there stays so
    return isinstance(error, TimeoutError | PoolTimeout | PendingRollbackError)


def took_too_long(error: DBAPIError) -> bool:
    """Say whether a statement was ended because it took too long."""
    return bool(getattr(error.orig, "sqlstate", None) == asyncpg.QueryCanceledError.sqlstate)


def is_of_the_data(error: BaseException) -> bool:
    """Say whether what was to be written is at fault, so that other rows can be written: not the database, nor rights on it."""
    state = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    return not is_transient(error) and (state is None or state.startswith(DATA_CLASSES))


def is_unanswered(error: BaseException) -> bool:
    """Say whether the database gave no answer at all: what else asks it now would wait for nothing."""
    if isinstance(error, PoolTimeout):  # too much is going on
        return False
    state = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    return is_transient(error) and (state is None or state[:2] == "08")


class Abandoned(Exception):
    """Something that was waited for was cancelled by somebody else."""


@contextmanager
def cancelled_only_from_outside() -> Iterator[None]:
    """Raise Abandoned for a CancelledError that nobody sent to this task: a fault of the work, which must not end its loop."""
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Abandoned("something that was waited for was cancelled") from error


def is_permanent(error: BaseException) -> bool:
    """Say whether trying again is pointless: the event itself is malformed."""
    return isinstance(error, ValidationError)


def fingerprint(error: BaseException) -> str:
    """Return `<error class> <module>.<function>` of the innermost frame in a service's code (not a library's)."""
    place = "?"
    fallback = "?"
    trace = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", "?"))
        where = f"{module}.{trace.tb_frame.f_code.co_name}"
        if not module.startswith(_MACHINERY):
            fallback = where if fallback == "?" else fallback
            if module.startswith("opsloop_"):
                place = where
        trace = trace.tb_next
    return f"{type(error).__name__} {place if place != '?' else fallback}"


def frames(error: BaseException) -> list[str]:
    """Return the last frames of the error's traceback, innermost last, without any values."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)[-FRAMES:]]


def reason(error: BaseException) -> str:
    """Return the error as text that can be stored, cut to 2,000 characters, without the input: it may be personal data.

    Of a validation error only the fields, of a database error only the first line: no parameters, no conflicting values.
    """
    return storable(_said(error))


def storable(message: str) -> str:
    """Return `message` without what PostgreSQL's text cannot hold: NUL and lone surrogates."""
    return message.replace("\0", "").encode(errors="replace").decode()


def _said(error: BaseException) -> str:
    if isinstance(error, DBAPIError):
        return str(error.orig).partition("\n")[0][:REASON_LIMIT]
    if isinstance(error, ValidationError):
        parts = [
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False, include_url=False)
        ]
        return "; ".join(parts)[:REASON_LIMIT]
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 an error whose own text fails must not fail whoever records it
        text = "says nothing that can be read"
    return f"{type(error).__name__}: {text}"[:REASON_LIMIT]
