"""Makes the database and its containers, where no template does: local emulators and tests."""

from collections.abc import Sequence

from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient

from shared.adapters.cosmos.containers import DEFINITIONS, KEEP_UNLESS_SAID, ContainerDefinition


async def ensure_containers(
    endpoint: str, database: str, *, key: str, definitions: Sequence[ContainerDefinition] = DEFINITIONS
) -> None:
    """Make what is missing of ``database``; what is there stays as it is.

    Raises:
        AzureError: the account does not answer, or refuses.
    """
    async with CosmosClient(endpoint, key) as client:
        made = await client.create_database_if_not_exists(database)
        for definition in definitions:
            await made.create_container_if_not_exists(
                definition.container.name,
                PartitionKey(path=definition.partition_key_paths, kind="MultiHash", version=2),
                indexing_policy=definition.indexing_policy,
                default_ttl=KEEP_UNLESS_SAID,
            )
