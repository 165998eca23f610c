"""From a bearer token to a principal, with a small cache so that a known key costs no query."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.exc import SQLAlchemyError

from opsloop_common.access.keys import PREFIX, Token
from opsloop_common.access.principal import OPERATOR_WORKSPACE, Kind, Principal, Publishable, granted
from opsloop_common.access.readthrough import ReadThrough
from opsloop_common.access.strangers import Strangers
from opsloop_common.access.tables import api_key
from opsloop_common.access.users import UserReader, is_user_token
from opsloop_common.db import Database
from opsloop_common.deadline import stopped
from opsloop_common.errors import Unauthorized
from opsloop_common.limits import CREDENTIALS_KEPT

CACHED_SECONDS = 5.0  # a revocation in another process holds after this long
LAST_USED_STEP = timedelta(minutes=1)
LAST_USED_SECONDS = 1.0  # nobody waits longer for the note of a use


class PersonReader(Protocol):
    """Reads tokens of people."""

    async def read(self, token: str) -> Principal:
        """Return who the token stands for; raises Unauthorized."""
        ...


@dataclass(slots=True)
class _Known:
    principal: Principal
    secret_hash: bytes
    expires_at: datetime | None
    is_use_to_be_noted: bool


class Authenticator:
    """Reads credentials of one service: the operator's key, API keys of its database, tokens of people and of end users."""

    def __init__(
        self,
        db: Database,
        *,
        scopes: tuple[str, ...],
        operator_key: str | None = None,
        people: PersonReader | None = None,
        users: UserReader | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._people = people
        self._users = users
        self._monotonic = monotonic
        self._scopes = frozenset(scopes)
        self._keys = ReadThrough(
            self._find,
            seconds=CACHED_SECONDS,
            kept=CREDENTIALS_KEPT,
            strangers=Strangers(monotonic=monotonic),
            monotonic=monotonic,
        )
        self._ended = 0
        # compared by hash, so that the time it takes does not depend on what both keys have in common
        self._operator_hash = hashlib.sha256(operator_key.encode()).digest() if operator_key else None
        self._operator = Principal(
            OPERATOR_WORKSPACE, "key:operator", self._scopes, "key:operator", "operator", Kind.OPERATOR
        )

    async def read(self, token: str | None, address: str = "") -> Principal:
        """Return who a bearer token stands for; raises Unauthorized (401), or TooManyRequests (429) for guesses of `address`."""
        if not token:
            raise Unauthorized("Send `Authorization: Bearer <key>`.", headers={"WWW-Authenticate": "Bearer"})
        principal = None
        parsed = Token.parse(token) if token.startswith(PREFIX) else None
        if parsed is not None:
            principal = await self._known_key(parsed, address)
        if principal is None and self._is_operators(token):
            principal = self._operator
        if principal is None and token.count(".") == 2:
            principal = await self._token(token, address)
        if principal is None:
            raise Unauthorized(
                "This key is not known here.", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
            )
        await self._db.known.note(principal.workspace)
        return principal

    def forget(self, ids: Iterable[UUID]) -> None:
        """Look keys and secrets of end users up again at their next use, because they have just been revoked."""
        for id in ids:
            self._keys.forget(id)
            if self._users is not None:
                self._users.forget(id)
        self._ended += 1

    def moment(self) -> tuple[int, float]:
        """Return what `may_have_ended` compares with: when somebody signed in."""
        return self._ended, self._monotonic()

    def may_have_ended(self, moment: tuple[int, float]) -> bool:
        """Say whether a credential read at `moment` should be read again, as a new request's would be."""
        return self._ended != moment[0] or self._monotonic() - moment[1] > CACHED_SECONDS

    def _is_operators(self, token: str) -> bool:
        if self._operator_hash is None:
            return False
        return hmac.compare_digest(hashlib.sha256(token.encode()).digest(), self._operator_hash)

    async def _token(self, token: str, address: str) -> Principal | None:
        if self._users is not None and is_user_token(token):
            return await self._users.read(token, address)
        if self._people is None:
            return None
        with stopped():  # nobody's database: the issuer has a deadline of its own
            return await self._people.read(token)

    async def _known_key(self, token: Token, address: str) -> Principal | None:
        known = await self._keys.get(token.id, address)
        if known is None or not token.matches(known.secret_hash):
            return None
        if (known.principal.publishable is not None) is not token.publishable:
            return None
        if known.expires_at is not None and known.expires_at <= self._db.clock.now():
            return None
        if known.is_use_to_be_noted:
            known.is_use_to_be_noted = False
            await self._note_use(token.id)
        return known.principal

    async def _find(self, key_id: UUID) -> _Known | None:
        async with self._db.autocommit() as connection:
            row = (
                await connection.execute(select(api_key).where(api_key.c.id == key_id, api_key.c.revoked_at.is_(None)))
            ).one_or_none()
        return None if row is None else self._known(row)

    def _known(self, row: Row[Any]) -> _Known:
        actor, scopes = f"key:{row.id}", granted(row.scopes, self._scopes)
        publishable = None
        if row.publishable:
            publishable = Publishable(tuple(row.origins), row.rows_per_day, row.bytes_per_day)
        principal = Principal(
            row.workspace,
            actor,
            scopes,
            actor,
            row.source,
            Kind.PUBLISHABLE if publishable else Kind.KEY,
            key_id=row.id,
            publishable=publishable,
        )
        stale = row.last_used_at is None or row.last_used_at <= self._db.clock.now() - LAST_USED_STEP
        return _Known(principal, row.secret_hash, row.expires_at, stale)

    async def _note_use(self, key_id: UUID) -> None:
        # a note: whoever holds the row (a revocation), a full disk or a standby must not keep the request from its work
        free = select(api_key.c.id).where(api_key.c.id == key_id).with_for_update(skip_locked=True)
        change = update(api_key).where(api_key.c.id.in_(free)).values(last_used_at=self._db.clock.now())
        try:
            async with asyncio.timeout(LAST_USED_SECONDS), self._db.autocommit() as connection:
                await connection.execute(change)
        except (SQLAlchemyError, OSError) as error:  # TimeoutError is an OSError
            structlog.get_logger(__name__).info("last use of a key not saved", reason=type(error).__name__)
