"""One service's database: engine, unit of work, and the workspace that row-level security holds each transaction to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session

from opsloop_common import doubt, limits
from opsloop_common.clock import Clock
from opsloop_common.connections import Patience
from opsloop_common.contracts.envelope import Event
from opsloop_common.documents import read_document, write_document
from opsloop_common.ids import uuid7
from opsloop_common.lanes import Lanes
from opsloop_common.meters import AFTER_COMMIT, Meters, MeterT
from opsloop_common.wakeups import Wakeups

if TYPE_CHECKING:
    from opsloop_common.settings import Settings

WORKSPACE_SETTING = "opsloop.workspace"
SET_WORKSPACE = text(f"SELECT set_config('{WORKSPACE_SETTING}', :workspace, true)")
ENTERED_SQL = f"entered AS MATERIALIZED (SELECT set_config('{WORKSPACE_SETTING}', :workspace, true) AS workspace)"
"""Enters the workspace as part of a statement's WITH. Row-level security sees that only where each row comes out of `entered`."""


@dataclass(frozen=True)
class Context:
    """On whose behalf a transaction runs: its workspace, its actor, and what caused it. Events inherit all of it."""

    workspace: str
    actor: str = "system"
    correlationid: str = field(default_factory=lambda: str(uuid7()))
    causationid: str | None = None
    causationdepth: int = 0
    causationroot: str | None = None
    traceparent: str | None = None

    def cause(self) -> dict[str, Any]:
        """Return the part that later work inherits, as JSON: time acts as `system`, on behalf of what caused it."""
        return {
            "correlationid": self.correlationid,
            "causationid": self.causationid,
            "causationdepth": self.causationdepth,
            "causationroot": self.causationroot,
            "traceparent": self.traceparent,
        }

    @classmethod
    def caused_by(cls, cause: Event, *, actor: str = "system") -> Context:
        """Return the context of work that `cause` led to."""
        return cls(
            workspace=cause.workspace,
            actor=actor,
            correlationid=cause.correlationid,
            causationid=str(cause.id),
            causationdepth=cause.causationdepth + 1,
            causationroot=cause.root,
            traceparent=cause.traceparent,
        )


class UnitOfWork(Session):
    """The session class of every service; the outbox hooks into its commit."""


def asyncpg_url(url: str) -> str:
    """Return `url` with the asyncpg driver; accepts `postgres://`, `postgresql://` and explicit drivers."""
    return (
        make_url(url.replace("postgres://", "postgresql://", 1))
        .set(drivername="postgresql+asyncpg")
        .render_as_string(False)
    )


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
        work_seconds: float = limits.DATABASE_WORK_SECONDS,
    ) -> None:
        self.url = asyncpg_url(url)
        self.service = service
        self.clock = clock
        self.wakeups = Wakeups()
        self.meters = Meters(CollectorRegistry())  # a runtime puts those of its own registry here
        self.settings: Settings | None = None  # likewise its own
        self.patience = Patience(statement_seconds, limits.DATABASE_CHECKOUT_SECONDS)
        work_seconds = max(work_seconds, statement_seconds)
        self.work_patience = Patience(work_seconds, checkout_seconds=work_seconds)
        self.role = role
        self.doubt = doubt.Doubt()
        self.engine = self._make_engine(self.patience, pool_size=pool_size, max_overflow=max_overflow)
        self.lanes = Lanes(self.engine, self.doubt, seconds=self.patience.answer_seconds)
        """For hot paths that are one statement."""
        self._sessions = self._make_sessions(self.engine)
        # due rows, and one each for pruning and counting
        self._work_engine = self._make_engine(self.work_patience, pool_size=3, max_overflow=limits.DUE_TRANSACTIONS - 1)
        self._work_sessions = self._make_sessions(self._work_engine)

    def _make_engine(self, patience: Patience, *, pool_size: int, max_overflow: int) -> AsyncEngine:
        server_settings = {"application_name": f"opsloop-{self.service}", "timezone": "UTC"}
        if self.role is not None:
            server_settings["role"] = self.role
        engine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=patience.checkout_seconds,
            pool_use_lifo=True,  # what is used is known to live
            connect_args={"server_settings": server_settings | patience.server_settings(), **patience.arguments()},
            json_serializer=write_document,
            json_deserializer=read_document,
            hide_parameters=True,  # they are about people, and errors are logged
        )
        doubt.watch(engine, self.doubt)
        return engine

    def _make_sessions(self, engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
        return async_sessionmaker(
            engine, sync_session_class=UnitOfWork, expire_on_commit=False, info={"database": self}
        )

    def session(self, context: Context | None = None) -> AsyncSession:
        """Return a session that has not begun; `open_workspace` or `transaction` puts it into its workspace."""
        session = self._sessions()
        session.info["context"] = context
        return session

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
        session = self._work_sessions()
        session.info["context"] = context
        async with _begun(session):
            yield session

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection on which each statement commits by itself: for hot paths that are one statement."""
        async with self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def close(self) -> None:
        """Close all connections; nothing may be running."""
        await self.lanes.close()
        await self.engine.dispose()
        await self._work_engine.dispose()


@asynccontextmanager
async def _begun(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """Begin a session in its context's workspace, and commit it when the block ends without an error."""
    context: Context | None = session.info["context"]
    async with session, session.begin():
        if context is not None:
            await session.execute(SET_WORKSPACE, {"workspace": context.workspace})
        yield session


def database_of(session: AsyncSession) -> Database:
    """Return the database a session belongs to."""
    database: Database = session.info["database"]
    return database


def context_of(session: AsyncSession) -> Context:
    """Return on whose behalf the session runs; a LookupError when it was opened without a context."""
    context: Context | None = session.info.get("context")
    if context is None:
        raise LookupError("this transaction was opened without a context")
    return context


def clock_of(session: AsyncSession) -> Clock:
    """Return the clock that the session's work goes by."""
    return database_of(session).clock


def meters_of(session: AsyncSession, kind: Callable[[CollectorRegistry], MeterT]) -> MeterT:
    """Return the meter of a kind that the session's service counts with; see `count_after_commit`."""
    return database_of(session).meters.of(kind)


def settings_of(session: AsyncSession) -> Settings | None:
    """Return the settings of the runtime that the session belongs to; None on a database of nobody's."""
    return database_of(session).settings


@event.listens_for(UnitOfWork, "after_commit")
def _wake_after_commit(session: Session) -> None:
    if session.in_nested_transaction():  # only a savepoint was released: nothing is visible yet
        return
    names: set[str] = session.info.pop("wake", set())
    for name in names:
        session.info["database"].wakeups.fire(name)
    for count in session.info.pop(AFTER_COMMIT, ()):
        count()


@event.listens_for(UnitOfWork, "after_rollback")
def _forget_counts(session: Session) -> None:
    if not session.in_nested_transaction():  # else a savepoint was rolled back, the transaction goes on
        session.info.pop(AFTER_COMMIT, None)


def row_level_security(table: str) -> list[str]:
    """Return the statements that hold `table` to the transaction's workspace, also for its owner."""
    return [
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'CREATE POLICY workspace ON "{table}" '
        f"USING (workspace = current_setting('{WORKSPACE_SETTING}', true)) "
        f"WITH CHECK (workspace = current_setting('{WORKSPACE_SETTING}', true))",
    ]


@contextmanager
def every_workspace(connection: Connection, *tables: str) -> Iterator[None]:
    """Let a migration read and change the rows of all workspaces in some tables; without it PostgreSQL refuses (see `upgrade`)."""
    for table in tables:
        connection.execute(text(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY'))
    yield
    for table in tables:
        connection.execute(text(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY'))


def grant_app_role(connection: Connection, service: str) -> None:
    """Create the runtime role when it is missing, and let it use (not change) the schema."""
    role = app_role(service)
    statements = [
        # another database of the same cluster may be creating the role right now
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; "
        "END IF; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        f"DO $$ BEGIN IF NOT pg_has_role(current_user, '{role}', 'MEMBER') THEN "
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
        raise RuntimeError(
            f"{database.service}: role {row.rolname} bypasses row-level security; connect as {app_role(database.service)}"
        )
