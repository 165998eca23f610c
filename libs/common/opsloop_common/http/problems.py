"""Every error answer is one problem document (RFC 9457); this is the only place that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import quote

import orjson
import structlog
from asyncpg import exceptions as pg
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope

from opsloop_common.deadline import Late
from opsloop_common.errors import BadRequest, Conflict, DomainError, Invalid, NotFound, Unavailable
from opsloop_common.http.refusals import field_error
from opsloop_common.limits import ERRORS_SHOWN

MEDIA_TYPE = "application/problem+json"
PROBLEM_TYPE = "urn:opsloop:problem:"

_UNREACHABLE = (
    pg.PostgresConnectionError,  # class 08
    pg.OperatorInterventionError,  # class 57: shutting down, starting up, cancelled
    pg.InsufficientResourcesError,  # class 53: too many connections, disk full
    pg.InterfaceError,
    OSError,
)
_TRY_AGAIN = (
    pg.TransactionRollbackError,
    pg.LockNotAvailableError,
    pg.ForeignKeyViolationError,
)  # class 40 and 55P03: deadlock, serialization, lock wait; what was there a moment ago, and was deleted since
_NOT_STORABLE = (pg.CharacterNotInRepertoireError, pg.UntranslatableCharacterError, pg.NumericValueOutOfRangeError)


class TookTooLong(Unavailable):
    """The database gave a statement of the request up."""

    def __init__(self, narrowed_by: Sequence[str] = ()) -> None:
        names = ", ".join(narrowed_by)
        less = f"narrow it by {names}" if names else "ask for less"
        super().__init__(f"This took the database too long; {less}, or try again.", headers={"Retry-After": "1"})


class HttpError(DomainError):
    """An error of HTTP itself: unknown path, wrong method."""

    def __init__(self, status: int, detail: str, headers: dict[str, str]) -> None:
        super().__init__(detail, headers=headers)
        self.phrase = HTTPStatus(status).phrase
        self.http_status = status


def _head_of(error: DomainError) -> tuple[int, str, str]:
    if isinstance(error, HttpError):
        return error.http_status, error.phrase.lower().replace(" ", "_").replace("-", "_"), error.phrase
    return error.status, error.code, error.title


def problem_response(error: DomainError, scope: Scope) -> Response:
    """Render an error; nothing of what was sent comes back except the path and the names of fields."""
    status, code, title = _head_of(error)
    document: dict[str, Any] = {
        **error.extra,
        "type": PROBLEM_TYPE + code,
        "title": title,
        "status": status,
        "detail": error.detail,
        "instance": _instance(scope),
    }
    if error.errors:
        document["errors"] = [{"pointer": item.pointer, "detail": item.detail} for item in error.errors]
    return Response(orjson.dumps(document, default=str), status, error.headers, MEDIA_TYPE)


def _instance(scope: Scope) -> str:
    return quote(scope["path"], safe="/:@!$&'()*+,;=-._~")


def unexpected_response(scope: Scope) -> Response:
    """Render the answer to a fault of ours."""
    document = {
        "type": PROBLEM_TYPE + "internal_server_error",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "Something went wrong here; it has been logged under the X-Request-Id of this answer.",
        "instance": _instance(scope),
    }
    return Response(orjson.dumps(document), 500, media_type=MEDIA_TYPE)


def error_response(error: Exception, scope: Scope, *, request_id: str) -> Response:
    """Render whatever ended a request; a fault of ours is logged here, once."""
    known = as_domain_error(error)
    if isinstance(known, TookTooLong):
        known = TookTooLong(getattr(scope.get("route"), "narrowed_by", ()))
    if known is not None:
        if isinstance(known, Unavailable):
            _log().warning("unavailable", request_id=request_id, path=scope["path"], reason=type(error).__name__)
        return problem_response(known, scope)
    _log().error("request failed", request_id=request_id, path=scope["path"], exc_info=error)
    return unexpected_response(scope)


def _log() -> Any:
    return structlog.get_logger("opsloop.http")


def as_domain_error(error: Exception) -> DomainError | None:
    """Return the error as the API says it; None for a fault of ours."""
    match error:
        case DomainError():
            return error
        case RequestValidationError():
            return _from_validation(error.errors(), error.body)
        case HTTPException():
            return HttpError(
                error.status_code, error.detail or HTTPStatus(error.status_code).phrase, dict(error.headers or {})
            )
        case ClientDisconnect():
            return BadRequest("The body ended before it was whole.")  # nobody is there to read this
        case SQLAlchemyError():
            return _from_database(error)
        case Late():
            return TookTooLong()
        case ConnectionError() | TimeoutError():
            return Unavailable("Something this needs is not reachable.", headers={"Retry-After": "1"})
        case _:
            return _from_driver(error)


def _from_database(error: SQLAlchemyError) -> DomainError | None:
    if isinstance(error, PoolTimeout):
        return Unavailable("Too much is going on; try again.", headers={"Retry-After": "1"})
    if isinstance(error, DBAPIError):
        cause = getattr(error.orig, "__cause__", None)
        if error.connection_invalidated:
            return Unavailable("The database is not reachable.", headers={"Retry-After": "1"})
        return _from_driver(cause if isinstance(cause, Exception) else error)
    return None


def _from_driver(error: Exception) -> DomainError | None:
    match error:
        case pg.UniqueViolationError():
            # services say more themselves; this is the net under two requests that raced for one name
            return Conflict("Something with the same unique value exists; give another value, or change what exists.")
        case _ if isinstance(error, _NOT_STORABLE):
            return Invalid("", "holds a value that cannot be stored")
        case _ if isinstance(error, _TRY_AGAIN):
            return Unavailable("Two requests got in each other's way; try again.", headers={"Retry-After": "1"})
        case pg.DiskFullError():
            return Unavailable("The database's disk is full: nothing can be stored.", headers={"Retry-After": "5"})
        case pg.QueryCanceledError():
            return TookTooLong()
        case _ if isinstance(error, _UNREACHABLE):
            return Unavailable("The database is not reachable.", headers={"Retry-After": "1"})
        case _:
            return None


def _from_validation(errors: Sequence[Any], body: Any) -> DomainError:
    shown = islice((item for item in errors if item["loc"][0] != "path"), ERRORS_SHOWN)
    found = [field_error(item, body) for item in shown]
    return Invalid.each(found) if found else NotFound("There is nothing under this id.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route for errors beyond those that every route can give."""
    return {status: {"description": HTTPStatus(status).phrase} for status in statuses}
