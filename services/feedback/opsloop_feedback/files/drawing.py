"""Draws a small picture in a process of its own: `python -m opsloop_feedback.files.drawing` reads one and writes one.

A picture of strangers may hold whoever reads it, take all memory, or crash him: that is this process, which has bounds of the system's.
"""

from __future__ import annotations

import io
import resource
import sys

from PIL import Image, ImageOps

from opsloop_common.limits import THUMBNAIL_PIXELS, THUMBNAIL_SECONDS

SIDE = 320
MEMORY_BYTES = 768 * 1024 * 1024
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
UNDRAWN = 3


def draw(data: bytes) -> bytes | None:
    """Return a WebP of at most 320 by 320, None for more pixels than are read; raises whatever Pillow does."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        if picture.width * picture.height > THUMBNAIL_PIXELS:
            return None
        picture.draft("RGB", (SIDE, SIDE))
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((SIDE, SIDE))
        is_clear = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
        written = io.BytesIO()
        upright.convert("RGBA" if is_clear else "RGB").save(written, "WEBP", quality=80)
        return written.getvalue()


def bound() -> None:
    """Let this process have so much memory and time, and no more."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    seconds = int(THUMBNAIL_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> int:
    """Draw what comes in; returns the status of the process."""
    bound()
    drawn = draw(sys.stdin.buffer.read())
    if drawn is None:
        return UNDRAWN
    sys.stdout.buffer.write(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
