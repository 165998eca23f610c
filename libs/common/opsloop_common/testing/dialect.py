"""SQLAlchemy's dialect as tests use it: what one test's engines have learnt, those of the next one know.

Each test has engines of its own, each engine has a dialect, and statements are compiled for a dialect, told from others by identity.
So every test compiled every statement anew, a tenth of what a door test costs, and asked PostgreSQL five times what it is. Here
dialects that write alike are equal, engines share their statements, and a server is asked once for each of its versions.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.util import LRUCache

STATEMENTS: LRUCache[Any, Any] = LRUCache(2_000)
"""The statements that this process has compiled, by dialect and shape; of an engine alone SQLAlchemy keeps 500."""
_LEARNT: dict[object, dict[str, Any]] = {}


class SharedDialect(PGDialect_asyncpg):
    """PostgreSQL's dialect, equal to any other that writes the same."""

    supports_statement_cache = True

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """Let an engine know the statements of all."""
        super().engine_created(engine)
        engine.update_execution_options(compiled_cache=STATEMENTS)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SharedDialect) and self._written_by == other._written_by

    def __hash__(self) -> int:
        return hash(SharedDialect)

    @property
    def _written_by(self) -> tuple[object, ...]:
        return self._json_serializer, self._json_deserializer, self.paramstyle, self.server_version_info

    def initialize(self, connection: Connection) -> None:
        """Learn what answers, from it or from what another engine was told by one of the same version."""
        driver: Any = connection.connection.driver_connection
        version = driver.get_server_version()
        if version not in _LEARNT:
            before = dict(vars(self))
            super().initialize(connection)  # type: ignore[no-untyped-call]
            _LEARNT[version] = {
                name: it for name, it in vars(self).items() if name not in before or before[name] is not it
            }
        vars(self).update(_LEARNT[version])


def share_dialects() -> None:
    """Have every engine that is made from now on be of this dialect."""
    registry.register("postgresql.asyncpg", __name__, SharedDialect.__name__)
