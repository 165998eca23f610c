"""Tokens of people: JWTs of one OpenID Connect issuer, checked against its published keys."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import structlog

from opsloop_common.access.issuer import IssuerClient
from opsloop_common.access.principal import SLUG, Kind, Principal, granted
from opsloop_common.clock import Clock
from opsloop_common.errors import Unauthorized, Unavailable
from opsloop_common.foreign import Unreadable, readable, reading

# public-key signatures only: with HS256 the published key would be the signing key, with `none` there is no signature
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
KEYS_LIVE_SECONDS = 3600.0
REFRESH_PAUSE_SECONDS = 10.0  # an unknown key id makes us ask again, but not for every forged token
LEEWAY_SECONDS = 30  # clocks differ

_SLUG = re.compile(SLUG)
_CLAIMS = {"require": ["exp", "iss", "aud", "sub"], "verify_exp": False, "verify_nbf": False, "verify_iat": False}


class OidcReader:
    """Reads tokens of `issuer` that are meant for `audience`; claims `workspace`, `scope` and `sub` say who it is."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        scopes: tuple[str, ...],
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._scopes = frozenset(scopes)
        self._clock = clock
        self._monotonic = monotonic
        self._keys: list[jwt.PyJWK] = []
        self._fetched_at: float | None = None
        self._asked_at: float | None = None
        self._asking = asyncio.Lock()
        self._client = IssuerClient()

    async def read(self, token: str) -> Principal:
        """Return the person a token stands for. Raises Unauthorized (401), or Unavailable (503) when no keys can be had."""
        header = readable(jwt.get_unverified_header, token)  # also a head of a thousand brackets
        if header is None:
            raise _refused()
        key = await self._key_of(header)
        try:
            with reading():
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=list(ALGORITHMS),
                    audience=self._audience,
                    issuer=self._issuer,
                    options=_CLAIMS,  # type: ignore[arg-type]
                )
                expires_at, begins_at = float(claims["exp"]), float(claims.get("nbf", 0))  # also of 400 digits
        except Unreadable as error:
            raise _refused() from error
        self._require_current(expires_at, begins_at)
        return self._principal(claims)

    def _require_current(self, expires_at: float, begins_at: float) -> None:
        # PyJWT would ask the machine's clock; ours is handed in
        now = self._clock.now().timestamp()
        if not expires_at > now - LEEWAY_SECONDS or begins_at > now + LEEWAY_SECONDS:  # NaN is not later either
            raise _refused()

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        workspace, scope, subject = claims.get("workspace"), claims.get("scope", ""), claims["sub"]
        if not isinstance(workspace, str) or not _SLUG.fullmatch(workspace):
            raise _refused()
        if not isinstance(subject, str) or not 1 <= len(subject) <= 200 or not subject.isprintable():
            raise _refused()
        names = scope.split() if isinstance(scope, str) else scope
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise _refused()
        actor = f"user:{subject}"
        return Principal(workspace, actor, granted(names, self._scopes), f"{workspace}/{actor}", "people", Kind.PERSON)

    async def _key_of(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        if header.get("alg") not in ALGORITHMS:
            raise _refused()
        kid = header.get("kid")
        if self._fetched_at is None or self._monotonic() - self._fetched_at > KEYS_LIVE_SECONDS:
            await self._refresh()
        key = self._find(kid)
        if key is None:
            await self._refresh()
            key = self._find(kid)
        if key is None:
            raise _refused()
        return key

    def _find(self, kid: object) -> jwt.PyJWK | None:
        if kid is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.key_id == kid), None)

    async def _refresh(self) -> None:
        async with self._asking:
            if self._asked_at is not None and self._monotonic() - self._asked_at < REFRESH_PAUSE_SECONDS:
                if not self._keys:
                    raise _unreachable()
                return
            self._asked_at = self._monotonic()
            try:
                self._keys = await self._client.keys(self._issuer)
                self._fetched_at = self._asked_at
            except Unreadable as error:
                structlog.get_logger(__name__).warning("keys of the OIDC issuer not read", error=str(error))
                if not self._keys:  # old keys are better than none
                    raise _unreachable() from error


def _refused() -> Unauthorized:
    return Unauthorized("This token is not valid here.", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def _unreachable() -> Unavailable:
    return Unavailable("The issuer of tokens is not reachable.", headers={"Retry-After": "10"})


def oidc_reader(
    issuer: str | None, audience: str | None, *, scopes: tuple[str, ...], clock: Clock
) -> OidcReader | None:
    """Return the reader that the settings ask for, None without an issuer; a ValueError without an audience.

    Without an audience every token of the issuer, made for whatever application, would open this one.
    """
    if not issuer:
        return None
    if not audience:
        raise ValueError("OPSLOOP_OIDC_ISSUER needs OPSLOOP_OIDC_AUDIENCE beside it")
    return OidcReader(issuer, audience, scopes=scopes, clock=clock)
