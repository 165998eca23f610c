"""One service's database: its engines and the transactions on them, and the role that it is served as.

Rooms import from here also what they say inside a transaction, which stands in `work`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from opsloop_common import connections, database_address, doubt, limits
from opsloop_common.clock import Clock
from opsloop_common.connections import Patience
from opsloop_common.documents import read_document, write_document
from opsloop_common.entry import enter_at_begin
from opsloop_common.known_workspaces import KnownWorkspaces
from opsloop_common.lanes import SIZE, Lanes
from opsloop_common.meters import Meters
from opsloop_common.settings import Misconfigured
from opsloop_common.wakeups import Wakeups
from opsloop_common.work import Context as Context
from opsloop_common.work import Grounds, UnitOfWork
from opsloop_common.work import acting_for as acting_for
from opsloop_common.work import clock_of as clock_of
from opsloop_common.work import context_of as context_of
from opsloop_common.work import count_after_commit as count_after_commit
from opsloop_common.work import fire_after_commit as fire_after_commit
from opsloop_common.work import meters_of as meters_of
from opsloop_common.work import ports_of as ports_of
from opsloop_common.work import settings_of as settings_of

if TYPE_CHECKING:
    from opsloop_common.telemetry.tracer import Tracer

WORK_CONNECTIONS_KEPT = 3  # open for the next one; more than those close once they are given back

event.listen(UnitOfWork, "after_begin", enter_at_begin)


def app_role(service: str) -> str:
    """Return the NOLOGIN role that a service's runtime connections act as."""
    return f"{service}_app"


class Database:
    """Owns the engine of one service's database and opens its transactions."""

    def __init__(
        self,
        url: str,
        *,
        service: str,
        clock: Clock,
        role: str | None = None,
        pool_size: int = 5,
        max_overflow: int = 5,
        statement_seconds: float = limits.DATABASE_STATEMENT_SECONDS,
        read_seconds: float = limits.DATABASE_READ_SECONDS,
        work_seconds: float = limits.DATABASE_WORK_SECONDS,
    ) -> None:
        self.url = url
        self.address = database_address.read(url)
        self.grounds = Grounds(service, clock)
        self.patience = Patience(statement_seconds, limits.DATABASE_CHECKOUT_SECONDS)
        self.read_seconds = min(read_seconds, statement_seconds)
        work_seconds = max(work_seconds, statement_seconds)
        self.work_patience = Patience(work_seconds, checkout_seconds=work_seconds)
        self.role = role
        self.doubt = doubt.Doubt()
        self.engine = self._make_engine(self.patience, pool_size=pool_size, max_overflow=max_overflow)
        self.lanes = self.make_lanes(settings={} if role is None else {"role": role})
        """For fast paths that are one statement."""
        self.known = KnownWorkspaces(self.engine, clock)
        """The workspaces that this database has to do with."""
        self._sessions = self._make_sessions(self.engine)
        # one for everybody who may want one at once, so that nobody waits behind a statement of 30 s
        more = limits.WORK_CONNECTIONS - WORK_CONNECTIONS_KEPT
        self._work_engine = self._make_engine(self.work_patience, pool_size=WORK_CONNECTIONS_KEPT, max_overflow=more)
        self._work_sessions = self._make_sessions(self._work_engine)

    @property
    def service(self) -> str:
        """Return the name of the service whose database this is."""
        return self.grounds.service

    @property
    def clock(self) -> Clock:
        """Return the clock that everything here goes by."""
        return self.grounds.clock

    @property
    def wakeups(self) -> Wakeups:
        """Return the service's wake-ups in this process."""
        return self.grounds.wakeups

    @property
    def meters(self) -> Meters:
        """Return what the service counts with."""
        return self.grounds.meters

    @property
    def tracer(self) -> Tracer | None:
        """Return what begins the service's spans, None while it is not traced."""
        return self.grounds.tracer

    def _make_engine(self, patience: Patience, *, pool_size: int, max_overflow: int) -> AsyncEngine:
        settings = {} if self.role is None else {"role": self.role}
        engine = create_async_engine(
            self.address.url,
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=patience.checkout_seconds,
            pool_use_lifo=True,  # what is used is known to live
            connect_args=connections.arguments(
                self.address, name=f"opsloop-{self.service}", patience=patience, settings=settings
            ),
            json_serializer=write_document,
            json_deserializer=read_document,
            hide_parameters=True,  # they are about people, and errors are logged
        )
        doubt.watch(engine, self.doubt)
        return engine

    def make_lanes(
        self, *, settings: dict[str, str], size: int = SIZE, url: str | None = None, purpose: str | None = None
    ) -> Lanes:
        """Return connections for fast paths, to `url` (default: the database's own URL), that begin with `settings`."""
        name = f"opsloop-{self.service}" if purpose is None else f"opsloop-{self.service}-{purpose}"

        async def connect() -> connections.Connection:
            return await connections.connect(url or self.url, name=name, patience=self.patience, settings=settings)

        return Lanes(connect, self.doubt, seconds=self.patience.answer_seconds, size=size)

    def _make_sessions(self, engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
        return async_sessionmaker(engine, sync_session_class=UnitOfWork, expire_on_commit=False, grounds=self.grounds)

    @property
    def engines(self) -> tuple[AsyncEngine, AsyncEngine]:
        """Return the engine of what somebody waits for, and that of work."""
        return self.engine, self._work_engine

    def session(self, context: Context | None = None) -> AsyncSession:
        """Return a session that has not begun; its first statement begins a transaction in the context's workspace."""
        return self._sessions(context=context)

    def reading(self, context: Context) -> AsyncSession:
        """Return a session like `session` for whoever only reads: its statements have less time."""
        return self._sessions(context=context, statement_seconds=self.read_seconds)

    def unentered(self, context: Context) -> AsyncSession:
        """Return a session that has not begun, and whose own first statement enters the workspace (`entry.ENTERED_SQL`)."""
        return self._sessions(context=context, enters=False)

    @asynccontextmanager
    async def transaction(self, context: Context | None = None) -> AsyncIterator[AsyncSession]:
        """Open a transaction in the context's workspace and commit it when the block ends without an error.

        Without a context only plumbing tables can be read; every table under row-level security looks empty.
        """
        async with _begun(self.session(context)) as session:
            yield session

    @asynccontextmanager
    async def work(self, context: Context | None = None) -> AsyncIterator[AsyncSession]:
        """Open a transaction like `transaction`, with the longer time-outs of work that nobody waits for."""
        async with _begun(self._work_sessions(context=context)) as session:
            yield session

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection on which each statement commits by itself."""
        async with self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def close(self) -> None:
        """Close all connections; nothing may be running."""
        await self.lanes.aclose()
        await self.engine.dispose()
        await self._work_engine.dispose()


@asynccontextmanager
async def _begun(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    async with session, session.begin():
        yield session


def grant_app_role(connection: Connection, service: str) -> None:
    """Create the runtime role when it is missing, and let it use (not change) the schema."""
    role = app_role(service)
    statements = [
        # another database of the same cluster may be creating the role right now
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; "
        "END IF; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        # since PostgreSQL 16 who makes a role is its member without being able to act as it, but may grant that
        f"DO $$ BEGIN IF NOT pg_has_role(current_user, '{role}', "
        "CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END) THEN "
        f"EXECUTE format('GRANT {role} TO %I', current_user); END IF; END $$",
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        # what was audited stays as it was written
        f"DO $$ BEGIN IF to_regclass('public.audit') IS NOT NULL THEN "
        f"REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM {role}; END IF; END $$",
    ]
    for statement in statements:
        connection.execute(text(statement))


async def require_held_by_row_level_security(database: Database) -> None:
    """Refuse to serve as a role that row-level security does not bind (a superuser, or one with BYPASSRLS)."""
    async with database.engine.connect() as connection:
        row = (
            await connection.execute(
                text("SELECT rolname, rolsuper OR rolbypassrls AS bypasses FROM pg_roles WHERE rolname = current_user")
            )
        ).one()
    if row.bypasses:
        raise Misconfigured(
            f"{database.service.upper()}_DATABASE_URL: role {row.rolname} bypasses row-level security; "
            f"connect as {app_role(database.service)}"
        )


async def settle(session: AsyncSession) -> None:
    """End the session's transaction here and give its connection back, what it did durable: what follows waits for somebody else.

    Another statement of the session begins a transaction of its own.
    """
    await session.commit()
