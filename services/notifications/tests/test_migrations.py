"""The schema: what the migration makes is what the models say."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from opsloop_common import plumbing
from opsloop_notifications.app import SERVICE


async def test_models_and_migration_agree(make_database):
    database = await make_database(SERVICE)

    def differences(connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, [SERVICE.metadata, plumbing.metadata])

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
