"""One request on its way: who asks, its transaction, its idempotency key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from opsloop_common.access import idempotency
from opsloop_common.access.idempotency import Answer, Keyed, Replay
from opsloop_common.access.principal import Kind, Principal
from opsloop_common.db import Context
from opsloop_common.deadline import within
from opsloop_common.http.ratelimit import Rate
from opsloop_common.http.shared import Shell
from opsloop_common.http.tracing import RequestTrace
from opsloop_common.service import Runtime

KEY = "opsloop.call"


class Call:
    """What the shell keeps for one request."""

    __slots__ = (
        "_after_commit",
        "_context",
        "_entered",
        "_session",
        "keyed",
        "origin",
        "principal",
        "rate",
        "reads",
        "request_id",
        "shell",
        "signed_in",
        "trace",
    )

    def __init__(self, shell: Shell, request_id: str, trace: RequestTrace, *, reads: bool = False) -> None:
        self.shell = shell
        self.request_id = request_id
        self.trace = trace
        self.reads = reads
        self.principal: Principal | None = None
        self.signed_in: tuple[int, float] | None = None
        self.rate: Rate | None = None
        self.origin: str | None = None
        self.keyed: Keyed | None = None
        self._session: AsyncSession | None = None
        self._context: Context | None = None
        self._entered: str | None = None
        self._after_commit: list[Callable[[Shell], None]] = []

    @property
    def runtime(self) -> Runtime:
        """Return what the service runs on."""
        return self.shell.runtime

    @property
    def who(self) -> Principal:
        """Return who asks; a RuntimeError on a public route."""
        if self.principal is None:
            raise RuntimeError("a public route has no principal")
        return self.principal

    def is_told(self, scope: str) -> bool:
        """Say whether who asks is shown what a change made: who may read, and an end user, whose it is."""
        return self.who.kind is Kind.USER or self.who.has(scope)

    @property
    def context(self) -> Context:
        """Return on whose behalf the request works; its events and audit rows inherit this."""
        if self._context is None:
            who = self.who
            self._context = Context(
                workspace=who.workspace,
                actor=who.actor,
                correlationid=self.request_id,
                traceparent=self.trace.traceparent(who),
            )
        return self._context

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Do the request's work in the block, which closes the call; raises Late when all of it waits for the database too long."""
        async with within(self.runtime.db.patience.request_seconds):
            try:
                yield
            finally:
                await self.close()

    def session(self) -> AsyncSession:
        """Return the request's transaction; its first statement begins it and enters the principal's workspace.

        Not earlier: FastAPI makes dependencies before it looks at the body, and a malformed body should cost no connection.
        """
        if self._session is None:
            database = self.shell.runtime.db
            self._session = database.reading(self.context) if self.reads else database.session(self.context)
        return self._session

    async def enter(self) -> None:
        """Take one of the workspace's shares of the connections, before anything that needs one; `close` gives it back.

        The route classes do it; routes with `own_idempotency()` do it themselves. Raises Unavailable (503).
        """
        if self._entered is None:
            workspace = self.who.workspace
            await self.shell.shares.enter(workspace, reads=self.reads)
            self._entered = workspace

    def leave(self) -> None:
        """Give the share back, before work that needs no connection."""
        if self._entered is not None:
            workspace, self._entered = self._entered, None
            self.shell.shares.leave(workspace, reads=self.reads)

    async def begin(self) -> AsyncSession:
        """Return the request's transaction, its idempotency key claimed if it has one: for routes with `own_idempotency()`.

        Ends the request with the stored answer if there is one.
        """
        if self.keyed is not None:
            stored = await self.claim(self.keyed)
            if stored is not None:
                raise Replay(stored)
        await self.enter()
        return self.session()

    async def claim(self, keyed: Keyed) -> Answer | None:
        """Begin the transaction with the claim of its idempotency key; returns the stored answer if there is one."""
        await self.enter()
        self._session = self.shell.runtime.db.unentered(self.context)
        return await idempotency.claim(self._session, keyed, workspace=self.context.workspace)

    async def store(self, answer: Answer) -> None:
        """Store the answer under the request's key, in its transaction."""
        if self.keyed is not None and not self.keyed.stored:
            await idempotency.store(self.session(), self.keyed, answer)

    async def commit(self) -> None:
        """Make the request's work durable."""
        if self._session is not None:
            await self._session.commit()
        for act in self._after_commit:
            act(self.shell)

    def after_commit(self, act: Callable[[Shell], None]) -> None:
        """Do something in this process once the request's work is durable."""
        self._after_commit.append(act)

    async def close(self) -> None:
        """Give the connection back; what was not committed is rolled back."""
        try:
            if self._session is not None:
                session, self._session = self._session, None
                await session.close()
        finally:
            self.leave()


def call_of(request: Request) -> Call:
    """Return the call that a request belongs to."""
    call: Call = request.scope[KEY]
    return call
