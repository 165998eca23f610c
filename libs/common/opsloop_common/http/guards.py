"""What a route declares: who may use it, what it takes, and what of its answer is told to whom."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import params

from opsloop_common.access.principal import BROWSERS, Kind, Principal
from opsloop_common.errors import Forbidden
from opsloop_common.http.body import BodyLimit
from opsloop_common.http.call import Call
from opsloop_common.limits import BODY_BYTES, JSON_CONTAINERS, JSON_VALUES


@dataclass(frozen=True)
class Marker:
    """A declaration in a route's `dependencies` that the route class reads when the route is made."""

    async def __call__(self) -> None:
        raise RuntimeError("declare this on the route or its ApiRouter, not where a router is included")


@dataclass(frozen=True)
class _Allow(Marker):
    scopes: frozenset[str]


@dataclass(frozen=True)
class _Public(Marker):
    pass


@dataclass(frozen=True)
class _Browsers(Marker):
    kind: Kind


@dataclass(frozen=True)
class _AlsoReads(Marker):
    pass


@dataclass(frozen=True)
class _TellsOwn(Marker):
    scope: str


@dataclass(frozen=True)
class _BodyLimit(Marker):
    limit: BodyLimit


@dataclass(frozen=True)
class _OwnIdempotency(Marker):
    pass


def allow(*scopes: str) -> params.Depends:
    """Let in whoever carries any one of `scopes`."""
    if not scopes:
        raise ValueError("allow() needs at least one scope; say public() for none")
    return params.Depends(_Allow(frozenset(scopes)))


def public() -> params.Depends:
    """Let in everybody; the endpoint itself reads a signed link, or only tells what everybody may know."""
    return params.Depends(_Public())


def publishable() -> params.Depends:
    """Let in publishable keys too, as far as they carry the scope: the route only adds, and answers with nothing stored."""
    return params.Depends(_Browsers(Kind.PUBLISHABLE))


def users() -> params.Depends:
    """Let in tokens of end users too, which carry no scopes: the endpoint touches only what is `Principal.user_id`'s."""
    return params.Depends(_Browsers(Kind.USER))


def also_reads() -> params.Depends:
    """Ask for `<service>:read` besides: the answer is what the route is for, and shows what is stored."""
    return params.Depends(_AlsoReads())


def tells_own(scope: str) -> params.Depends:
    """Tell whoever is let in by `scope` alone what they do, also without `<service>:read`: the endpoint shows them only what is theirs."""
    return params.Depends(_TellsOwn(scope))


def body_limit(
    bytes: int = BODY_BYTES, *, containers: int = JSON_CONTAINERS, values: int = JSON_VALUES
) -> params.Depends:
    """Take bodies of up to so many bytes, objects and lists, and values, instead of what every route takes."""
    return params.Depends(_BodyLimit(BodyLimit(bytes, containers, values)))


def own_idempotency() -> params.Depends:
    """Leave locking, look-up and storing of the idempotency key to the endpoint (`access.idempotency` says how)."""
    return params.Depends(_OwnIdempotency())


@dataclass(frozen=True)
class Guard:
    """What a route declared. `scopes` None means public; `browsers` are the kinds of credentials of browsers that it takes.

    `also` is a scope that is needed besides. `told` is the scope without which the answer to a change shows nothing (204), None
    where every answer is told. Whoever comes by the scope `own` alone needs neither.
    """

    scopes: frozenset[str] | None
    body_limit: BodyLimit
    own_idempotency: bool
    browsers: frozenset[Kind]
    also: str | None
    told: str | None
    own: str | None

    def require(self, who: Principal) -> None:
        """Go on only for those who may; raises Forbidden (403)."""
        if who.kind in BROWSERS:
            self._require_declared(who)
            return
        if self.scopes is not None and who.scopes.isdisjoint(self.scopes):
            raise Forbidden(f"This needs one of the scopes {', '.join(sorted(self.scopes))}.")
        if self.also is not None and self.also not in who.scopes and not self.shows_own(who):
            raise Forbidden(f"The answer to this shows what is stored: it needs {self.also} as well.")

    def shows_own(self, who: Principal) -> bool:
        """Say whether somebody is let in to what is theirs alone."""
        return self.scopes is not None and self.own is not None and who.scopes & self.scopes == {self.own}

    def is_told(self, call: Call) -> bool:
        """Say whether who asks is shown what they changed."""
        return self.told is None or call.is_told(self.told) or self.shows_own(call.who)

    def _require_declared(self, who: Principal) -> None:
        if who.kind not in self.browsers:
            raise Forbidden(
                "This does not take publishable keys and tokens of end users, only the few routes that say so."
            )
        # a token of an end user carries no scopes: the declaration stands for them
        if who.kind is Kind.PUBLISHABLE and self.scopes is not None and who.scopes.isdisjoint(self.scopes):
            raise Forbidden(f"This needs one of the scopes {', '.join(sorted(self.scopes))}.")


_MarkerT = TypeVar("_MarkerT", bound=Marker)


def one_marker(markers: Sequence[Marker], kind: type[_MarkerT]) -> _MarkerT | None:
    """Return the declaration of one kind, None where there is none."""
    found = [marker for marker in markers if isinstance(marker, kind)]
    return found[-1] if found else None


def guard_of(path: str, endpoint: Callable[..., Any], methods: Collection[str], markers: Sequence[Marker]) -> Guard:
    """Return what a route declares in its dependencies; raises TypeError where it lets nobody in, or says so twice."""
    doors = [marker for marker in markers if isinstance(marker, _Allow | _Public)]
    if len(doors) != 1:
        raise TypeError(
            f"{path} ({endpoint.__name__}) must declare exactly one allow(...) or public(), has {len(doors)}"
        )
    limit = one_marker(markers, _BodyLimit)
    scopes = doors[0].scopes if isinstance(doors[0], _Allow) else None
    read, own = _read_scope(scopes), one_marker(markers, _TellsOwn)
    return Guard(
        scopes=scopes,
        body_limit=limit.limit if limit else BodyLimit(),
        own_idempotency=one_marker(markers, _OwnIdempotency) is not None,
        browsers=frozenset(marker.kind for marker in markers if isinstance(marker, _Browsers)),
        also=read if one_marker(markers, _AlsoReads) else None,
        told=read if _changes_what_is_stored(path, methods) else None,
        own=own.scope if own else None,
    )


def _read_scope(scopes: frozenset[str] | None) -> str | None:
    return f"{min(scopes).partition(':')[0]}:read" if scopes else None


def _changes_what_is_stored(path: str, methods: Collection[str]) -> bool:
    # a POST without an id in its path makes something new, and tells what was sent
    return not {"PATCH", "PUT"}.isdisjoint(methods) or ("POST" in methods and "{" in path)
