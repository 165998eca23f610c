"""How work enters a workspace: the only module that knows by which settings row-level security holds it there.

Every business table shows and takes rows of the workspace in `opsloop.workspace` alone, and no rows where that is not set. The
setting ends with its transaction, so a pooled connection carries nobody's workspace on to the next. Who enters, and how:

- **a transaction** (`Database.transaction`, `work`, a request's session) by itself: a session that knows its context enters
  with the first statement of each transaction (`enter_at_begin`), no earlier, so that a malformed body costs no connection;
- **a transaction that goes on** in another workspace than it began in, as when parked events are played: `enter`;
- **a statement** that must not cost a round trip more: `ENTERED_SQL` in its WITH (or `ENTER_SQL` in its SELECT), in a session
  from `Database.unentered` or below SQLAlchemy (`lanes`);
- **a worker**, which serves all workspaces: `enter_every_workspace`, and then only tables with an `every_workspace_policy`
  open; on a connection of its own `WORKER_SETTING` is set for good;
- **a migration** that changes rows: `every_workspace`. Everywhere else the owner of the tables is held like everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import SessionTransaction

from opsloop_common.work import Context, UnitOfWork, work_of

WORKSPACE_SETTING = "opsloop.workspace"
WORKER_SETTING = "opsloop.worker"
ENTER_SQL = f"set_config('{WORKSPACE_SETTING}', :workspace, true)"
ENTERED_SQL = f"entered AS MATERIALIZED (SELECT {ENTER_SQL} AS workspace)"
"""Enters the workspace as part of a statement's WITH. Row-level security sees that only where each row comes out of `entered`."""

_ENTER = text(f"SELECT {ENTER_SQL}")
_ENTER_OF_DRIVER = f"SELECT set_config('{WORKSPACE_SETTING}', $1, true)"
_ENTER_TO_READ = f"{_ENTER_OF_DRIVER}, set_config('statement_timeout', $2, true)"
_ENTER_WORKER = text(f"SELECT set_config('{WORKER_SETTING}', 'on', true)")


def enter_at_begin(work: UnitOfWork, transaction: SessionTransaction, connection: Connection) -> None:
    """Enter the context's workspace when a transaction begins on a connection; `Database` listens with this."""
    if work.enters and work.context is not None and not transaction.nested:
        if work.statement_seconds is None:
            connection.exec_driver_sql(_ENTER_OF_DRIVER, (work.context.workspace,))
        else:
            milliseconds = str(round(work.statement_seconds * 1000))
            connection.exec_driver_sql(_ENTER_TO_READ, (work.context.workspace, milliseconds))


async def enter(session: AsyncSession, context: Context) -> None:
    """Go on in another workspace, and on another's behalf, from here to the end of the transaction."""
    work_of(session).context = context
    await session.execute(_ENTER, {"workspace": context.workspace})


async def enter_every_workspace(session: AsyncSession) -> None:
    """Open the tables that have such a policy to the session's transaction, over all workspaces."""
    work = work_of(session)
    if work.entered_every_workspace is not None and work.entered_every_workspace is work.get_transaction():
        return
    await session.execute(_ENTER_WORKER)
    if not work.in_nested_transaction():  # a savepoint that is rolled back takes the setting with it
        work.entered_every_workspace = work.get_transaction()


def row_level_security(table: str) -> list[str]:
    """Return the statements that hold `table` to the transaction's workspace, also for its owner."""
    return [
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'CREATE POLICY workspace ON "{table}" '
        f"USING (workspace = current_setting('{WORKSPACE_SETTING}', true)) "
        f"WITH CHECK (workspace = current_setting('{WORKSPACE_SETTING}', true))",
    ]


def every_workspace_policy(table: str, *, command: str = "ALL") -> list[str]:
    """Return the statements that open `table`'s rows of all workspaces to transactions that called `enter_every_workspace`.

    Only for tables that a queue engine works through; requests never enter this way. `command`: ALL, or SELECT for what a
    sender only reads.
    """
    condition = f"current_setting('{WORKER_SETTING}', true) = 'on'"
    check = "" if command == "SELECT" else f" WITH CHECK ({condition})"
    return [f'CREATE POLICY worker ON "{table}" FOR {command} USING ({condition}){check}']


@contextmanager
def every_workspace(connection: Connection, *tables: str) -> Iterator[None]:
    """Let a migration read and change the rows of all workspaces in some tables; without it PostgreSQL refuses (see `upgrade`)."""
    for table in tables:
        connection.execute(text(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY'))
    yield
    for table in tables:
        connection.execute(text(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY'))
