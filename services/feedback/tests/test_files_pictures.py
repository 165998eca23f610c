"""Small pictures, drawn by a process of their own that a picture may not hold, fill or crash."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image, ImageFile

from opsloop_common.limits import THUMBNAIL_PIXELS
from opsloop_feedback.files.drawing import SIDE, draw
from opsloop_feedback.files.pictures import Drawer


def picture(kind: str, size: tuple[int, int] = (1_000, 500), mode: str = "RGB", **options: object) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, 100 if mode in "LP" else (200, 10, 10, 128)[: len(mode)]).save(written, kind, **options)
    return written.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int) -> bytes:
    """Return a PNG of a few kilobytes that says it has `side` times `side` pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    rows = zlib.compress(b"\0" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (picture("PNG"), (SIDE, SIDE // 2)),
        (picture("PNG", mode="RGBA"), (SIDE, SIDE // 2)),
        (picture("PNG", mode="P"), (SIDE, SIDE // 2)),
        (picture("PNG", mode="L"), (SIDE, SIDE // 2)),
        (picture("JPEG", (500, 1_000)), (SIDE // 2, SIDE)),
        (picture("JPEG", mode="CMYK", size=(1_000, 1_000)), (SIDE, SIDE)),
        (picture("GIF"), (SIDE, SIDE // 2)),
        (picture("WEBP"), (SIDE, SIDE // 2)),
        (picture("PNG", (10, 20)), (10, 20)),
    ],
)
async def test_pictures_become_small(data: bytes, size: tuple[int, int]) -> None:
    drawn = await Drawer().draw(data)
    assert drawn is not None
    small = Image.open(io.BytesIO(drawn))
    assert (small.format, small.size) == ("WEBP", size)


def test_it_says_nothing_of_where_and_when_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a private camera"
    drawn = draw(picture("JPEG", exif=exif.tobytes()))
    assert drawn is not None
    assert b"private" not in drawn


def test_a_picture_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    drawn = draw(picture("JPEG", (1_000, 500), exif=exif.tobytes()))
    assert drawn is not None
    assert Image.open(io.BytesIO(drawn)).size == (SIDE // 2, SIDE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        picture("PNG")[:200],
        picture("BMP"),
        picture("TIFF"),
        bomb(5_000),
        bomb(60_000),
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 1_000,
    ],
)
async def test_what_cannot_be_drawn_has_no_picture(data: bytes) -> None:
    assert await Drawer().draw(data) is None


def test_more_pixels_than_the_bound_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(_: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(ImageFile.ImageFile, "load", loaded)
    side = int(THUMBNAIL_PIXELS**0.5) + 1
    assert draw(bomb(side)) is None
