"""What can go wrong, as the domain says it: a stable code, an HTTP status, a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    """One refused field: a JSON pointer into the body (or `/query/<name>`) and why."""

    pointer: str
    detail: str


class DomainError(Exception):
    """A rule said no. Rendered as problem+json with `code` in `type` and the subclass's status."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "conflict"
    title: ClassVar[str] = "Conflict"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


class NotFound(DomainError):
    """The id names nothing in this workspace."""

    status, code, title = 404, "not_found", "Not found"

    @classmethod
    def of(cls, noun: str, *, by: str = "id") -> NotFound:
        """Return the one sentence for whatever is not there, be it another workspace's or nobody's."""
        return cls(f"There is no {noun} with this {by}.")


class Conflict(DomainError):
    """The request is well formed, and the present state refuses it."""


class IllegalTransition(Conflict):
    """A state change that the table of transitions does not list; `allowed` says which it does."""

    code, title = "illegal_transition", "Illegal state change"

    def __init__(self, current: str, wanted: str, allowed: Iterable[str]) -> None:
        choices = sorted(allowed)
        named = ", ".join(choices) or "nothing further"
        super().__init__(
            f"{current} cannot become {wanted}; allowed: {named}",
            extra={"current": current, "allowed": choices},
        )


class TooMany(Conflict):
    """The workspace has as many of these as it may."""

    code, title = "too_many", "Too many"


class Gone(DomainError):
    """It was there, and is past the time that it is kept for."""

    status, code, title = 410, "gone", "Gone"


class Invalid(DomainError):
    """Malformed input that only the service could see; names the field."""

    status, code, title = 422, "invalid", "Invalid input"

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__("The request is not valid.", errors=[FieldError(pointer, detail)])

    @classmethod
    def each(cls, errors: Iterable[FieldError]) -> Invalid:
        """Return the refusal of several fields at once, at least one."""
        found = tuple(errors)
        refusal = cls(found[0].pointer, found[0].detail)
        refusal.errors = found
        return refusal


class StaleVersion(DomainError):
    """`If-Match` names a version that is no longer the present one."""

    status, code, title = 412, "stale_version", "Stale version"


class Unauthorized(DomainError):
    """No credential, or one that is not known."""

    status, code, title = 401, "unauthorized", "Not signed in"


class Forbidden(DomainError):
    """A known credential without the scope that this needs."""

    status, code, title = 403, "forbidden", "Not allowed"


class BadRequest(DomainError):
    """The body is not JSON."""

    status, code, title = 400, "bad_request", "Bad request"


class TooLarge(DomainError):
    """The body is larger than this route takes."""

    status, code, title = 413, "too_large", "Too large"


class UnsupportedMediaType(DomainError):
    """The body is of a kind that this route does not read."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class TooManyRequests(DomainError):
    """This credential asks faster than it may."""

    status, code, title = 429, "too_many_requests", "Too many requests"


class Unavailable(DomainError):
    """Something this needs is down; the same request may succeed later."""

    status, code, title = 503, "unavailable", "Unavailable"
