"""What a file is, what it may be called, and where it is kept."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from tempfile import SpooledTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import Unavailable
from opsloop_common.invisible import comparable
from opsloop_common.limits import ATTACHMENT_NAME_CHARACTERS
from opsloop_feedback.files import rules
from opsloop_feedback.files.service import NoFile, open_folder
from opsloop_feedback.settings import FeedbackSettings

PDF, ZIP = "application/pdf", "application/zip"


def zipped(*names: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return written.getvalue()


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 20, "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 20, "image/jpeg"),
        (b"GIF89a" + b"\0" * 20, "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"BM" + b"\0" * 20, "image/bmp"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video/quicktime"),
        (b"ID3\x03" + b"\0" * 20, "audio/mpeg"),
        (b"%PDF-1.7\n", PDF),
        (zipped("a.log"), ZIP),
        (b"\x1f\x8b\x08" + b"\0" * 20, "application/gzip"),
        (b"7z\xbc\xaf\x27\x1c" + b"\0" * 20, "application/x-7z-compressed"),
        (b"plain text\n", rules.TEXT),
        ("导出失败，见日志".encode(), rules.TEXT),
        ("导出失败，见日志".encode("gb18030"), rules.TEXT),
        ("导出失败".encode("utf-16"), rules.TEXT),
        ("中".encode() * 100 + b"\xe4\xb8", rules.TEXT),
        (b"<svg onload=alert(1)>", rules.TEXT),
        (b"#!/bin/sh\nrm -rf /\n", rules.TEXT),
        (b"\x1b[31mred\x1b[0m", rules.TEXT),
        (b"MZ\x90\0" + b"\0" * 60, None),
        (b"\x7fELF\x02" + b"\0" * 60, None),
        (b"\0asm\x01\0\0\0", None),
        (b"CWS\x0a" + b"\0" * 20, None),
        (b"SQLite format 3\0" + b"\0" * 20, None),
        (b"\x01\x02\x03", None),
        (b"text\0with a NUL", None),
    ],
)
def test_content_says_what_a_file_is(head: bytes, media_type: str | None) -> None:
    assert rules.media_type_of(head) == media_type


@given(st.binary(max_size=300))
def test_any_bytes_are_of_a_type_that_is_taken_or_of_none(head: bytes) -> None:
    found = rules.media_type_of(head)
    assert found is None or found in rules.ENDINGS


@pytest.mark.parametrize(
    ("media_type", "said", "disguised"),
    [
        ("image/png", "image/jpeg", False),
        ("image/png", "application/octet-stream", False),
        ("image/png", None, False),
        (rules.TEXT, "application/json", False),
        ("video/mp4", "audio/mp4", False),
        (PDF, "image/png", True),
        (rules.TEXT, "IMAGE/svg+xml", True),
        ("image/png", "video/mp4", True),
        ("video/webm", "image/webp", True),
    ],
)
def test_who_calls_something_a_picture_that_is_none(media_type: str, said: str | None, disguised: bool) -> None:
    assert rules.is_disguised(media_type, said) is disguised


@pytest.mark.parametrize(
    ("name", "media_type", "safe"),
    [
        ("截图 1.png", "image/png", "截图 1.png"),
        ("photo.JPEG", "image/jpeg", "photo.jpeg"),
        ("../../etc/passwd", rules.TEXT, "passwd.txt"),
        ("C:\\temp\\a.log", rules.TEXT, "a.log"),
        ("eicar.com", rules.TEXT, "eicar.com.txt"),
        ("invoice.pdf.exe", PDF, "invoice.pdf.exe.pdf"),
        ("a\u202egnp.exe", "image/png", "agnp.exe.png"),
        ('a"b<c>.png', "image/png", "a b c.png"),
        ("a\r\nSet-Cookie: x.png", "image/png", "a Set-Cookie x.png"),
        ("CON.txt", rules.TEXT, "_CON.txt"),
        ("report.docx", ZIP, "report.docx"),
        (".png", "image/png", "png.png"),
        ("...", PDF, "file.pdf"),
        ("", PDF, "file.pdf"),
        (None, rules.TEXT, "file.txt"),
    ],
)
def test_names_are_safe_and_end_as_their_content(name: str | None, media_type: str, safe: str) -> None:
    assert rules.safe_name(name, media_type) == safe


@given(st.text(max_size=400), st.sampled_from(sorted(rules.ENDINGS)))
def test_any_name_is_safe(name: str, media_type: str) -> None:
    safe = rules.safe_name(name, media_type)
    assert 0 < len(safe) <= ATTACHMENT_NAME_CHARACTERS
    assert safe == comparable(safe)
    assert not set(safe) & set('/\\:*?"<>|\0\r\n')
    assert safe.rpartition(".")[2] in rules.ENDINGS[media_type]


async def test_a_folder_keeps_files_whole_and_forgets_them(tmp_path: Path) -> None:
    store = open_folder(tmp_path / "deep" / "files")
    data = bytes(range(256)) * 50_000
    with SpooledTemporaryFile(max_size=1_000) as file:
        file.write(data)
        file.seek(0)
        await store.put("acme/one", file)
    await store.put("acme/one", data)
    pieces = [piece async for piece in await store.open("acme/one")]

    assert b"".join(pieces) == data == await store.read("acme/one")
    assert len(pieces) > 10
    assert (tmp_path / "deep" / "files").stat().st_mode & 0o077 == 0

    await store.remove("acme/one", "acme/two")
    with pytest.raises(NoFile):
        await store.open("acme/one")
    await store.remove("acme/one")


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    store = open_folder(tmp_path / "files")
    (tmp_path / "files" / "acme").write_text("no folder")
    with pytest.raises(Unavailable):
        await store.put("acme/one", b"x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attachments_bucket", "s3://bucket"),
        ("attachments_bucket", "https://host/bucket"),
        ("attachments_bucket", "https://key:secret@host"),
        ("attachments_bucket", "https://key:secret@host:99999/bucket"),
        ("clamav_url", "host:3310"),
        ("clamav_url", "http://host:3310"),
        ("clamav_url", "tcp://host:0"),
    ],
)
def test_settings_say_what_they_must_be(name: str, value: str) -> None:
    with pytest.raises(Exception, match=f"OPSLOOP_{name.upper()}") as refused:
        FeedbackSettings(**{name: value})
    assert "secret@" not in str(refused.value).replace("https://key:secret@host/bucket", "")


def test_clamav_has_a_usual_port() -> None:
    assert FeedbackSettings(clamav_url="tcp://clamav").clamav_address == ("clamav", 3310)
    assert FeedbackSettings(clamav_url="tcp://[::1]:1234").clamav_address == ("::1", 1234)
    assert FeedbackSettings().clamav_address is None
