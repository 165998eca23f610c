"""Ask a folder of events that no OpsLoop holds: `python -m tests.clients.reading FOLDER SQL` prints the rows as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from opsloop_metrics.store.embedded import EmbeddedStore


async def read(folder: Path, sql: str) -> None:
    """Print what the folder answers."""
    store = EmbeddedStore(folder)
    print(json.dumps([list(row) for row in (await store.query(sql)).rows]))
    await store.close()


if __name__ == "__main__":
    asyncio.run(read(Path(sys.argv[1]), sys.argv[2]))
