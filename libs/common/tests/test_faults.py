"""Which faults are of the data, which of the database, and which pass."""

from __future__ import annotations

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from opsloop_common.faults import is_of_the_data, is_transient, took_too_long


def state(sqlstate, cls=asyncpg.PostgresError):
    error = cls("x")
    error.sqlstate = sqlstate
    return error


@pytest.mark.parametrize(
    ("error", "of_the_data"),
    [
        (state("22021"), True),  # a byte that the encoding does not have
        (state("22P05"), True),
        (state("23514"), True),
        (state("54000"), True),
        (state("42P01"), False),
        (state("08006"), False),
        (state("57014"), False),
        (ValueError("no"), True),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), True),
        (TimeoutError(), False),
        (ConnectionResetError(), False),
        (asyncpg.InterfaceError("connection is closed"), False),
        (asyncpg.exceptions._base.DataError("invalid input for query argument $1: 'closed \udcff'"), True),
    ],
)
def test_faults_of_the_data_are_told_from_those_of_the_database(error, of_the_data):
    assert is_of_the_data(error) is of_the_data
    assert not (of_the_data and is_transient(error))


@pytest.mark.parametrize(("sqlstate", "expected"), [("57014", True), ("57P01", False), ("55P03", False)])
def test_a_statement_that_took_too_long_is_told_from_other_faults_that_pass(sqlstate, expected):
    assert took_too_long(DBAPIError("", None, state(sqlstate))) is expected
