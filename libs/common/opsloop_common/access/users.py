"""Tokens of end users: JWTs that the customer's server signs with a secret of the workspace."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import jwt
import structlog
from sqlalchemy import select

from opsloop_common.access.principal import Kind, Principal
from opsloop_common.access.readthrough import ReadThrough
from opsloop_common.access.strangers import Strangers
from opsloop_common.access.tables import user_secret
from opsloop_common.access.user_secrets import PURPOSE
from opsloop_common.db import Database
from opsloop_common.errors import Unauthorized
from opsloop_common.foreign import Unreadable, readable, reading
from opsloop_common.limits import CREDENTIALS_KEPT, USER_TOKEN_BYTES, USER_TOKEN_HOURS
from opsloop_common.secretbox import SecretBox, Unsealable

ALGORITHM = "HS256"  # and no other: what a token says of itself never chooses how it is checked
AUDIENCE = "opsloop"  # a token need not name one; one for another door does not open this
LEEWAY_SECONDS = 30  # clocks differ
CACHED_SECONDS = 5.0

_KID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# the times are checked by our own clock
_CHECKS = {
    "require": ["exp", "sub"],
    **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_sub", "verify_jti"), False),
}


@dataclass(frozen=True)
class _Secret:
    workspace: str
    key: bytes = field(repr=False)
    expires_at: datetime | None


def is_user_token(token: str) -> bool:
    """Say whether a JWT claims to be an end user's, which only decides who checks it."""
    return _header_of(token).get("alg") == ALGORITHM


def _header_of(token: str) -> Mapping[str, Any]:
    if len(token) > USER_TOKEN_BYTES:
        return {}
    return readable(jwt.get_unverified_header, token) or {}


class UserReader:
    """Reads tokens of end users of one service; `is_user_id` says what may name a person."""

    def __init__(
        self,
        db: Database,
        box: SecretBox,
        *,
        is_user_id: Callable[[object], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._box = box
        self._is_user_id = is_user_id
        self._secrets = ReadThrough(
            self._find,
            seconds=CACHED_SECONDS,
            kept=CREDENTIALS_KEPT,
            strangers=Strangers(monotonic=monotonic),
            monotonic=monotonic,
        )

    async def read(self, token: str, address: str) -> Principal:
        """Return the end user a token stands for; raises Unauthorized (401), TooManyRequests (429) for guesses."""
        kid = _header_of(token).get("kid")
        secret = None
        if isinstance(kid, str) and _KID.fullmatch(kid):
            secret = await self._secrets.get(UUID(kid), address)
        if secret is None or (secret.expires_at is not None and secret.expires_at <= self._db.clock.now()):
            raise _refused("Its `kid` names no secret of end users here.")
        try:
            with reading():
                claims = jwt.decode(token, secret.key, algorithms=[ALGORITHM], options=_CHECKS)  # type: ignore[arg-type]
        except Unreadable as error:
            if isinstance(error.__cause__, jwt.MissingRequiredClaimError):
                raise _refused("It needs the claims `sub` and `exp`.") from error
            raise _refused("It was not signed with the secret that its `kid` names.") from error
        self._require_current(claims)
        return self._principal(secret.workspace, claims)

    def forget(self, secret_id: UUID) -> None:
        """Look a secret up again at its next use, because it has just been revoked."""
        self._secrets.forget(secret_id)

    async def _find(self, secret_id: UUID) -> _Secret | None:
        query = select(user_secret.c.workspace, user_secret.c.secret, user_secret.c.expires_at)
        async with self._db.autocommit() as connection:
            row = (
                await connection.execute(query.where(user_secret.c.id == secret_id, user_secret.c.revoked_at.is_(None)))
            ).one_or_none()
        if row is None:
            return None
        try:
            return _Secret(row.workspace, self._box.open(row.secret, purpose=PURPOSE), row.expires_at)
        except Unsealable:
            structlog.get_logger(__name__).warning("a secret of end users was sealed with another key", id=secret_id)
            return None

    def _require_current(self, claims: Mapping[str, Any]) -> None:
        now = self._db.clock.now().timestamp()
        ends, issued, begins = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
        if ends is None or ends <= now - LEEWAY_SECONDS:
            raise _refused("It has expired.")
        if max(issued or 0, begins or 0) > now + LEEWAY_SECONDS:
            raise _refused("It is not valid yet.")
        begin = now + LEEWAY_SECONDS if issued is None else min(issued, now + LEEWAY_SECONDS)
        if ends > begin + USER_TOKEN_HOURS * 3600:
            raise _refused(f"It lives longer than {USER_TOKEN_HOURS} hours.")

    def _principal(self, workspace: str, claims: Mapping[str, Any]) -> Principal:
        subject, audience = claims["sub"], claims.get("aud", AUDIENCE)
        if AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
            raise _refused(f"Its `aud` is not {AUDIENCE}.")
        if not self._is_user_id(subject):
            raise _refused("Its `sub` is not a user id.")
        actor = f"user:{subject}"
        return Principal(
            workspace, actor, frozenset(), f"{workspace}/users/{subject}", "users", Kind.USER, user_id=subject
        )


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # bool is an int to Python, and a float may be NaN, which is neither sooner nor later than anything
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise _refused(f"Its `{name}` is not a time in seconds.")
    return float(value)


def _refused(why: str) -> Unauthorized:
    return Unauthorized(
        f"This user token is not valid here. {why}", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
    )
