"""Small pictures: each is drawn by a process of its own (`files.drawing`), one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from opsloop_common.limits import THUMBNAIL_SECONDS

_MOST_BYTES = 2 * 1024 * 1024


class Drawer:
    """Draws one picture after another; whatever cannot be drawn has none."""

    def __init__(self) -> None:
        self._one = asyncio.Semaphore(1)

    async def draw(self, data: bytes) -> bytes | None:
        """Return a small picture (WebP) of one, None when it cannot be drawn in time, in memory, or at all."""
        async with self._one:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "opsloop_feedback.files.drawing",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
            )
            try:
                async with asyncio.timeout(THUMBNAIL_SECONDS):
                    drawn, _ = await process.communicate(data)
            except TimeoutError:
                return None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return drawn if process.returncode == 0 and 0 < len(drawn) <= _MOST_BYTES else None
