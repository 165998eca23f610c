"""What one test's engines learnt is known to the next one's, and is what they would have learnt themselves."""

from __future__ import annotations

import os
import sys

import pytest
from sqlalchemy import event, select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from opsloop_common.db import Database
from opsloop_common.outbox.tables import outbox
from opsloop_common.testing.dialect import STATEMENTS, SharedDialect
from opsloop_common.testing.http import settings_for_tests
from opsloop_common.testing.sample.service import SAMPLE

SECRET = "another secret, of at least 32 characters"


async def asked_of(database: Database) -> list[str]:
    """Return what a database's engine asks the server when it is first used."""
    asked: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    async with database.transaction() as session:
        await session.execute(select(outbox.c.id, outbox.c.payload).where(outbox.c.id > 7))
    return asked


async def test_what_one_engine_has_compiled_another_does_not_compile(make_database):
    first, second = await make_database(SAMPLE), await make_database(SAMPLE)

    assert await asked_of(first)
    known = set(STATEMENTS)
    assert await asked_of(second)

    assert set(STATEMENTS) == known
    assert first.engine.sync_engine.dialect is not second.engine.sync_engine.dialect
    assert first.engine.sync_engine.dialect == second.engine.sync_engine.dialect


async def test_it_knows_what_the_server_would_have_told_it(make_database):
    for _ in range(2):
        database = await make_database(SAMPLE)
        async with database.engine.connect() as connection:
            shared = connection.dialect

            def learnt(sync):
                own = PGDialect_asyncpg()
                own.initialize(sync)
                return vars(own)

            own = await connection.run_sync(learnt)
        assert isinstance(shared, SharedDialect)
        told = {name: value for name, value in own.items() if name not in vars(PGDialect_asyncpg())}
        told |= {name: own[name] for name in ("server_version_info", "default_schema_name", "default_isolation_level")}
        told |= {name: own[name] for name in own if name.startswith(("supports_", "_supports_", "_backslash"))}
        assert {name: getattr(shared, name) for name in told} == told


def test_dialects_that_write_otherwise_are_not_equal():
    plain, other = SharedDialect(), SharedDialect(json_serializer=str)

    assert plain == SharedDialect()
    assert plain != other
    assert plain != PGDialect_asyncpg()
    assert len({plain, other, SharedDialect()}) == 2


def test_settings_are_read_again_where_the_environment_or_what_is_given_differs(monkeypatch: pytest.MonkeyPatch):
    first = settings_for_tests()
    again = settings_for_tests()
    given = settings_for_tests(secret_key=SECRET)
    monkeypatch.setenv("OPSLOOP_INSTANCE", "of-the-environment")
    changed = settings_for_tests()

    assert first == again
    assert first is not again
    assert given.secret_key is not None
    assert given.secret_key.get_secret_value() == SECRET
    assert (first.instance, changed.instance) == (None, "of-the-environment")


def test_what_is_compiled_is_kept():
    assert not sys.dont_write_bytecode
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ
