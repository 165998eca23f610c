"""Paints pictures in a process of its own: the library holds the interpreter's lock, 0.2 s for a picture, 1.2 for the largest."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE

import structlog

from opsloop_common.errors import Unavailable
from opsloop_metrics.canvas.drawing import document, text

_SCALE = 2  # pixels for each of the picture's: sharp on today's screens
_SECONDS = 10.0
_PROGRAM = (
    "import sys, resvg_py; svg = sys.stdin.buffer.read().decode(); "
    f"sys.stdout.buffer.write(bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom={_SCALE})))"
)


log = structlog.get_logger(__name__)
_CHINESE = re.compile("[\u4e00-\u9fff]")
_warned: set[str] = set()


async def as_png(svg: str) -> bytes:
    """Return a picture in pixels, in the colours of the light scheme; raises Unavailable when it takes too long or the process ends.

    Letters that no font of the machine has are left out or show as boxes; of Chinese ones this is logged, once.
    """
    png = await _painted(svg)
    if _CHINESE.search(svg) and not _warned:
        _warned.add("asked")
        # without a font that has them, all characters look the same
        one, other = [await _painted(_character(character)) for character in "中文"]
        if one == other:
            log.warning("no_chinese_font", remedy="apt-get install fonts-wqy-microhei (or fonts-noto-cjk)")
    return png


def _character(said: str) -> str:
    return document(text(28, 120, said, size=30), title="", description="", subtitle="", height=180, language="zh-CN")


async def _painted(svg: str) -> bytes:
    painter = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", _PROGRAM, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(_SECONDS):
            png, _ = await painter.communicate(svg.encode())
    except TimeoutError as error:
        raise Unavailable("The picture took too long to paint; take the SVG.") from error
    finally:
        if painter.returncode is None:
            painter.kill()
            await painter.wait()
    if painter.returncode or not png:
        raise Unavailable("The picture could not be painted; take the SVG.")
    return png
