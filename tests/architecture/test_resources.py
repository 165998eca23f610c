"""The one resource pattern, as far as its shape can be read from the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from opsloop.services import MEMBERS
from opsloop_common import plumbing
from opsloop_common.service import Service
from opsloop_common.testing.sample.service import SAMPLE

ROOT = Path(__file__).parents[2]
DOORS = [
    # a door that outgrew its file is a package
    *sorted(ROOT.glob("services/*/opsloop_*/*/routes.py")),
    *sorted(ROOT.glob("services/*/opsloop_*/*/routes/*.py")),
    *sorted(ROOT.glob("libs/common/opsloop_common/http/every_service/*.py")),
    *sorted(ROOT.glob("libs/common/opsloop_common/testing/sample/**/routes.py")),
    ROOT / "libs/common/opsloop_common/http/pages.py",
    ROOT / "libs/common/opsloop_common/testing/sample/pages.py",
]
QUERIES = [
    *sorted(ROOT.glob("services/*/opsloop_*/*/queries.py")),
    *sorted(ROOT.glob("services/*/opsloop_*/*/queries/*.py")),
]
WRITES = re.compile(r"\bINSERT INTO\b|\bDELETE FROM\b|\bUPDATE \w+ (AS \w+ )?SET\b|\b(insert|update|delete)\(")
WRITING_QUERIES = {
    # the SQL of the event store stands in one place, so that another store can take this one's
    "services/metrics/opsloop_metrics/events/queries.py",
    # one statement claims and reads: on the way to a webhook each round trip counts
    "services/notifications/opsloop_notifications/sending/queries.py",
}


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_one_name_for_the_transaction_and_for_the_version_expected():
    names = {"Db": "session", "IfMatch": "expected"}
    found = [
        f"{file.relative_to(ROOT)}:{function.lineno}: {argument.arg}: {argument.annotation.id}"
        for file in DOORS
        for function in functions(file)
        for argument in function.args.args
        if isinstance(argument.annotation, ast.Name) and names.get(argument.annotation.id, argument.arg) != argument.arg
    ]

    assert found == []


def test_doors_hand_the_version_on_and_never_check_it_themselves():
    found = [file for file in DOORS if ".require(" in file.read_text()]

    assert found == []


def test_the_order_of_a_list_is_a_constant_beside_its_query():
    calls = [
        (file, node)
        for file in DOORS
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "paginate"
    ]
    assert len(calls) > 15
    for file, call in calls:
        [order] = [keyword.value for keyword in call.keywords if keyword.arg == "by"]
        order = order.value if isinstance(order, ast.Subscript) else order
        name = order.attr if isinstance(order, ast.Attribute) else getattr(order, "id", "")
        assert name.isupper(), f"{file.relative_to(ROOT)}:{call.lineno}: by= is no constant"


def test_queries_read_and_services_write():
    found = {str(file.relative_to(ROOT)) for file in QUERIES if WRITES.search(file.read_text())}

    assert found <= WRITING_QUERIES, found - WRITING_QUERIES


CHECKS = (
    "SELECT r.relname, c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid "
    "WHERE c.contype = 'c' AND c.connamespace = CAST(:schema AS regnamespace)"
)


@pytest.mark.parametrize("service", [*MEMBERS, SAMPLE], ids=lambda service: service.name)
async def test_models_and_database_agree_on_what_columns_may_hold(service: Service, databases, make_database):
    """Alembic compares no checks: a state that the enum has and the database refuses would come out as a 500."""
    database = await make_database(service)

    def declare(connection) -> None:
        connection.execute(text("CREATE SCHEMA declared"))
        there = connection.execution_options(schema_translate_map={None: "declared"})
        for metadata in (service.metadata, plumbing.metadata):
            metadata.create_all(there, checkfirst=False)

    owner = type(database)(
        databases.server.url(database.engine.url.database), service=service.name, clock=database.clock
    )
    try:
        async with owner.engine.begin() as connection:
            await connection.run_sync(declare)
            declared, real = [
                {
                    (table, name): (re.sub(r"'[^']*'", "?", check), sorted(re.findall(r"'[^']*'", check)))
                    for table, name, check in await connection.execute(text(CHECKS), {"schema": schema})
                }
                for schema in ("declared", "public")
            ]
            await connection.rollback()
    finally:
        await owner.close()

    assert declared == real
    assert any("status" in name or "state" in name for _, name in real)
