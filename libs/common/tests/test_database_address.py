"""Addresses of databases as operators write them: libpq's parameters work, or a line says which does not."""

import ssl
from urllib.parse import quote

import pytest
from sqlalchemy import text

from opsloop_common import connections, database_address, migrations
from opsloop_common.connections import Patience
from opsloop_common.db import Database
from opsloop_common.runner.addresses import database_urls
from opsloop_common.runner.databases import told_in_words
from opsloop_common.settings import Misconfigured, Unusable
from opsloop_common.testing.sample.service import SAMPLE

BASE = "postgresql://user:S3cr3t@db.example/sample"


@pytest.mark.parametrize(
    ("query", "option", "value"),
    [
        ("sslmode=require", "dsn", "postgresql:///?sslmode=require"),
        ("ssl=require", "dsn", "postgresql:///?sslmode=require"),
        ("sslmode=disable&target_session_attrs=read-write", "dsn", None),
        ("ssl_min_protocol_version=TLSv1.3", "dsn", "postgresql:///?ssl_min_protocol_version=TLSv1.3"),
        ("options=-c%20search_path%3Da", "dsn", "postgresql:///?options=-c+search_path%3Da"),
        ("connect_timeout=1", "timeout", 1.0),
        ("connect_timeout=5", "timeout", 3.0),
        ("connect_timeout=0", "timeout", 3.0),
        ("statement_cache_size=0", "statement_cache_size", 0),
    ],
)
def test_a_parameter_reaches_the_driver(query, option, value):
    arguments = connections.arguments(database_address.read(f"{BASE}?{query}"), name="a", patience=Patience())

    assert arguments[option] == value if value is not None else arguments[option]
    assert arguments["server_settings"]["application_name"] == "a"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg"])
def test_the_address_is_the_same_under_every_scheme(scheme):
    address = database_address.read(f"{scheme}://user:p%40ss@/sample?host=/run/postgresql&sslmode=prefer")

    assert address.url.drivername == "postgresql+asyncpg"
    assert (address.url.username, address.url.password, address.url.database) == ("user", "p@ss", "sample")
    assert dict(address.url.query) == {"host": "/run/postgresql"}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sslmode=bogus", "sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full"),
        ("ssl=bogus", "ssl must be one of disable"),
        ("ssl=true", "ssl must be one of disable"),
        ("sslmod=require", "sslmod is no parameter that is known here; did you mean sslmode?"),
        ("channel_binding=require", "channel_binding is no parameter that is known here"),
        ("sslmode=require&sslmode=disable", "sslmode is given twice"),
        ("connect_timeout=soon", "connect_timeout must be a whole number"),
        ("connect_timeout=-1", "connect_timeout must be a whole number"),
        ("connect_timeout=%EF%BC%95", "connect_timeout must be a whole number"),
        ("statement_cache_size=1e3", "statement_cache_size must be a whole number"),
        ("prepared_statement_cache_size=x", "prepared_statement_cache_size must be a whole number"),
        ("ssl_min_protocol_version=1.2", "ssl_min_protocol_version must be one of"),
        ("target_session_attrs=master", "target_session_attrs must be one of"),
        ("sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "sslrootcert names no file that can be read"),
        (f"sslrootcert={quote(__file__)}", "sslrootcert names no file that can be read"),
        (f"sslcert={quote(__file__)}", "sslcert names no file that can be read"),
        ("host=a:1,b:2,c&host=d", "hosts and ports do not go together"),
    ],
)
@pytest.mark.parametrize("which", ["SAMPLE_DATABASE_URL", "SAMPLE_DATABASE_DIRECT_URL"])
def test_what_is_wrong_with_a_parameter_is_one_line_with_the_setting(query, words, which):
    with pytest.raises(Misconfigured) as refusal:
        database_urls("sample", {"SAMPLE_DATABASE_URL": BASE, which: f"{BASE}?{query}"})

    assert str(refusal.value).startswith(f"{which}: ")
    assert words in str(refusal.value)
    assert "S3cr3t" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "error", [ssl.SSLCertVerificationError("certificate verify failed"), "sslmode=verify-full"], ids=["server's", "own"]
)
async def test_what_tls_finds_out_only_when_it_connects_is_a_line_too(error, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))  # no ~/.postgresql/root.crt
    with pytest.raises(Unusable, match=r"^SAMPLE_DATABASE_URL: .*Mend the parameters"), told_in_words("sample"):
        if isinstance(error, Exception):
            raise error
        await connections.connect(f"{BASE}?{error}", name="a", patience=Patience(), settings={})


async def test_engines_lanes_and_migrations_connect_with_parameters(databases, clock):
    url = await databases.create_empty("with_parameters", owner=SAMPLE)
    url += "&sslmode=prefer&connect_timeout=2&application_name=desk&statement_cache_size=0&options=-c%20geqo%3Doff"
    await migrations.upgrade(SAMPLE, url)
    database = Database(url, service="sample", clock=clock)
    lane = await connections.connect(url, name="lane", patience=Patience(), settings={})
    try:
        shown = "SELECT current_setting('application_name') || current_setting('geqo')"
        async with database.engine.connect() as connection:
            assert await connection.scalar(text(shown)) == "deskoff"
        assert await lane.fetchval(shown) == "deskoff"
    finally:
        await lane.close()
        await database.close()
        await databases.drop(url)
