"""From a bearer token to a principal, with a small cache so that a known key costs no query."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy import select, update

from opsloop_common.access.keys import PREFIX, Token
from opsloop_common.access.principal import OPERATOR_WORKSPACE, Kind, Principal, granted
from opsloop_common.access.tables import api_key
from opsloop_common.db import Database
from opsloop_common.errors import Unauthorized

CACHED_SECONDS = 5.0  # a revocation in another process holds after this long
CACHED_KEYS = 10_000
LAST_USED_STEP = timedelta(minutes=1)


class PersonReader(Protocol):
    """Reads tokens of people."""

    async def read(self, token: str) -> Principal:
        """Return who the token stands for; raises Unauthorized."""
        ...


@dataclass(slots=True)
class _Cached:
    until: float
    principal: Principal | None
    secret_hash: bytes = b""
    expires_at: datetime | None = None


class Authenticator:
    """Reads credentials of one service: the operator's key, API keys of its database, tokens of people."""

    def __init__(
        self,
        db: Database,
        *,
        scopes: tuple[str, ...],
        operator_key: str | None = None,
        people: PersonReader | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._people = people
        self._monotonic = monotonic
        self._scopes = frozenset(scopes)
        self._cache: dict[UUID, _Cached] = {}
        # compared by hash, so that the time it takes does not depend on what both keys have in common
        self._operator_hash = hashlib.sha256(operator_key.encode()).digest() if operator_key else None
        self._operator = Principal(
            OPERATOR_WORKSPACE, "key:operator", self._scopes, "key:operator", "operator", Kind.OPERATOR
        )

    async def read(self, token: str | None) -> Principal:
        """Return who a bearer token stands for; raises Unauthorized (401)."""
        if not token:
            raise Unauthorized("Send `Authorization: Bearer <key>`.", headers={"WWW-Authenticate": "Bearer"})
        principal = None
        parsed = Token.parse(token) if token.startswith(PREFIX) else None
        if parsed is not None:
            principal = await self._known_key(parsed)
        if principal is None and self._is_operators(token):
            principal = self._operator
        if principal is None and self._people is not None and token.count(".") == 2:
            principal = await self._people.read(token)
        if principal is None:
            raise Unauthorized(
                "This key is not known here.", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
            )
        return principal

    def forget(self, key_id: UUID) -> None:
        """Look a key up again at its next use, because it has just been revoked."""
        self._cache.pop(key_id, None)

    def _is_operators(self, token: str) -> bool:
        if self._operator_hash is None:
            return False
        return hmac.compare_digest(hashlib.sha256(token.encode()).digest(), self._operator_hash)

    async def _known_key(self, token: Token) -> Principal | None:
        cached = self._cache.get(token.id)
        if cached is None or cached.until <= self._monotonic():
            cached = await self._look_up(token)
        if cached.principal is None or not token.matches(cached.secret_hash):
            return None
        if cached.expires_at is not None and cached.expires_at <= self._db.clock.now():
            return None
        return cached.principal

    async def _look_up(self, token: Token) -> _Cached:
        until = self._monotonic() + CACHED_SECONDS
        now = self._db.clock.now()
        async with self._db.autocommit() as connection:
            row = (
                await connection.execute(
                    select(api_key).where(api_key.c.id == token.id, api_key.c.revoked_at.is_(None))
                )
            ).one_or_none()
            stale = row is not None and (row.last_used_at is None or row.last_used_at <= now - LAST_USED_STEP)
            if row is not None and stale and token.matches(row.secret_hash):
                await connection.execute(update(api_key).where(api_key.c.id == token.id).values(last_used_at=now))
        if row is None:
            cached = _Cached(until, None)
        else:
            actor = f"key:{row.id}"
            kind = Kind.PUBLISHABLE if row.publishable else Kind.KEY
            principal = Principal(row.workspace, actor, granted(row.scopes, self._scopes), actor, row.source, kind)
            cached = _Cached(until, principal, row.secret_hash, row.expires_at)
        if len(self._cache) >= CACHED_KEYS:
            self._cache.clear()  # rare, and only costs look-ups; unknown keys are kept too, so somebody may be guessing
        self._cache[token.id] = cached
        return cached
