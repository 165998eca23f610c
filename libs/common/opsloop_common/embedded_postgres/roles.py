"""Who logs in to the embedded server: per service an owner, who migrates, and the runtime role, which owns nothing.

The superuser is for making these only. No role has a password: the socket lets in one user of the system (see `server.HBA`), and
what a session may do is bound to the role that it logged in as.
"""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from opsloop_common.db import app_role
from opsloop_common.embedded_postgres.server import SUPERUSER, PostgresServer

PLAIN = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"

_PREPARED = """
SELECT d.datname FROM pg_database d JOIN pg_roles owner ON owner.oid = d.datdba JOIN pg_roles app ON app.rolname = d.datname || '_app'
WHERE owner.rolname = d.datname AND owner.rolcanlogin AND app.rolcanlogin AND pg_has_role(owner.oid, app.oid, 'MEMBER')
  AND NOT (owner.rolsuper OR owner.rolcreaterole OR owner.rolbypassrls OR app.rolsuper OR app.rolcreaterole OR app.rolbypassrls)
  AND NOT has_database_privilege('public', d.oid, 'CONNECT')
"""

# REASSIGN OWNED refuses the bootstrap superuser, so each kind by itself; sequences of columns follow their tables
_HAND_OVER = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT format('ALTER TABLE %s OWNER TO {owner}', oid::regclass) AS statement FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relowner = '{superuser}'::regrole
        UNION ALL
        SELECT format('ALTER SEQUENCE %s OWNER TO {owner}', s.oid::regclass) FROM pg_class s
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' AND relowner = '{superuser}'::regrole
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = s.oid AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i'))
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO {owner}', p.oid::regprocedure) FROM pg_proc p
         WHERE pronamespace = 'public'::regnamespace AND proowner = '{superuser}'::regrole
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND classid = 'pg_proc'::regclass AND deptype = 'e')
        UNION ALL
        SELECT format('ALTER TYPE %s OWNER TO {owner}', t.oid::regtype) FROM pg_type t
         WHERE typnamespace = 'public'::regnamespace AND typowner = '{superuser}'::regrole AND typtype IN ('e', 'd', 'r')
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = t.oid AND classid = 'pg_type'::regclass AND deptype = 'e')
    LOOP
        EXECUTE found.statement;
    END LOOP;
END $$
"""


async def connect(server: PostgresServer, database: str, *, user: str = SUPERUSER) -> asyncpg.Connection:
    """Open a plain connection to one database as one role."""
    return await asyncpg.connect(user=user, database=database, host=str(server.socket_dir))


async def prepare_databases(server: PostgresServer, services: Iterable[str]) -> None:
    """Make each service's roles and database when they are missing, and hand over to them what an earlier release owned."""
    admin = await connect(server, SUPERUSER)
    try:
        prepared = {row["datname"] for row in await admin.fetch(_PREPARED)}
        for service in services:
            if service not in prepared:
                await _prepare(server, admin, service)
    finally:
        await admin.close()


async def prepare_roles(admin: asyncpg.Connection, service: str) -> None:
    """Make a service's two roles, or make them again what they should be."""
    for role in (service, app_role(service)):
        if not await admin.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", role):
            await admin.execute(f'CREATE ROLE "{role}"')
        await admin.execute(f'ALTER ROLE "{role}" {PLAIN} PASSWORD NULL')
    await admin.execute(f'GRANT "{app_role(service)}" TO "{service}"')


async def _prepare(server: PostgresServer, admin: asyncpg.Connection, service: str) -> None:
    await prepare_roles(admin, service)
    if not await admin.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", service):
        await admin.execute(f'CREATE DATABASE "{service}" OWNER "{service}"')
    else:
        inside = await connect(server, service)
        try:
            await inside.execute(_HAND_OVER.format(owner=f'"{service}"', superuser=SUPERUSER))
        finally:
            await inside.close()
        await admin.execute(f'ALTER DATABASE "{service}" OWNER TO "{service}"')
    # last: it tells that the rest was done
    await admin.execute(f'GRANT CONNECT ON DATABASE "{service}" TO "{app_role(service)}"')
    await admin.execute(f'REVOKE ALL ON DATABASE "{service}" FROM PUBLIC')
