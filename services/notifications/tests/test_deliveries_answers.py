"""What an endpoint says is shown as text that people can read, whatever it names as its charset and however it was packed."""

from __future__ import annotations

import gzip
import time
import zlib
from functools import partial

import pytest

from opsloop_common.limits import CALL_BODY_BYTES
from opsloop_notifications.deliveries.rules import CHARSETS, shown_body

packed = partial(gzip.compress, mtime=0)  # the same bytes in each process that collects the tests
SAID = "签名不对，请核对密钥"


@pytest.mark.parametrize(
    ("headers", "body", "shown"),
    [
        ({"content-type": "text/plain"}, SAID.encode(), SAID),
        ({"content-type": "text/plain; charset=gbk"}, SAID.encode("gbk"), SAID),
        ({"content-type": 'text/html;Charset = "GB2312"; x=y'}, SAID.encode("gb2312"), SAID),
        ({"content-type": "text/plain; charset=Big5"}, "簽名不對".encode("big5"), "簽名不對"),
        ({"content-type": "text/plain; charset=Shift_JIS"}, "署名".encode("shift_jis"), "署名"),
        ({"content-type": "text/plain; charset=utf-16"}, SAID.encode("utf-16"), SAID),
        ({"content-type": "text/plain; charset=ISO-8859-1"}, b"d\xe9sol\xe9", "désolé"),
        ({"content-type": "text/plain; charset=iso-8859-15"}, b"5 \xa4", "5 €"),
        ({"content-encoding": "gzip"}, packed(SAID.encode()), SAID),
        ({"content-encoding": "GZIP", "content-type": "text/plain; charset=gbk"}, packed(SAID.encode("gbk")), SAID),
        ({"content-encoding": "gzip"}, packed(b"cut short" * 99)[:-12], None),
        ({"content-encoding": "gzip"}, b"not packed", "not packed"),
        ({"content-encoding": "br"}, b"\x0b\x02\x80", "(packed as br, which is not unpacked)"),
        ({"content-encoding": "zstd, gzip"}, packed(b"\x28\xb5\x2f\xfd"), "(packed as zstd, which is not unpacked)"),
        ({"content-encoding": "br"}, b"", None),
        ({"content-encoding": "gzip, identity"}, packed(SAID.encode()), SAID),
        ({"content-encoding": "identity,gzip"}, packed(SAID.encode()), SAID),
        ({"content-encoding": "gzip, gzip"}, packed(packed(SAID.encode())), SAID),
        ({"content-encoding": "deflate, gzip"}, packed(zlib.compress(SAID.encode())), SAID),
        ({"content-encoding": "identity"}, SAID.encode(), SAID),
        ({"content-encoding": "deflate"}, zlib.compress(SAID.encode()), SAID),
        ({"content-encoding": "deflate"}, zlib.compress(SAID.encode(), wbits=-15), SAID),
        ({"content-encoding": "deflate"}, b"not packed", "not packed"),
        ({"content-encoding": "deflate"}, zlib.compress(bytes(64 << 20), wbits=-15), "\ufffd" * 16384),
        ({"content-encoding": "gzip, " * 500 + "gzip"}, packed(b"x"), None),
        ({"content-encoding": "<script>"}, b"x", "x"),
        ({"content-encoding": "gzip"}, packed(bytes(64 << 20)), "\ufffd" * 16384),
        *(({"content-type": f"text/plain; charset={name}"}, b"\x2bAGE-", "+AGE-") for name in (
            "utf-7", "idna", "punycode", "undefined", "unicode_escape", "rot13", "base64", "hex", "zlib", "os.path", "", "a" * 500)),
        ({}, b"\x00", "\ufffd"),
        ({"content-type": "text/plain; charset=gbk"}, b"\x81\xff\x00", "\ufffd\ufffd\ufffd"),
        ({"content-type": "charset=gbk; charset=utf-8;" * 999}, b"", None),
    ],
)  # fmt: skip
def test_what_an_endpoint_says_can_be_read(headers, body, shown):
    said = shown_body(body, headers)

    assert said == shown or (shown is None and (said is None or said.startswith(("cut short", "\x1f"))))


@pytest.mark.parametrize(
    ("name", "codec", "text"),
    [
        ("sjis", "cp932", "署名①"),
        ("x-sjis", "cp932", "署名"),
        ("Windows-31J", "cp932", "髙橋"),
        ("x-euc-jp", "euc-jp", "署名"),
        ("ks_c_5601-1987", "euc-kr", "서명"),
        ("windows-949", "cp949", "똠방"),
        ("euc-kr", "cp949", "똠방"),
        ("tis-620", "cp874", "ลายเซ็น"),
        ("windows-874", "cp874", "ลายเซ็น"),
        ("big5-hkscs", "big5hkscs", "簽名嘅"),
        ("gb_2312-80", "gb18030", SAID),
        ("ms936", "gbk", SAID),
        ("ibm866", "cp866", "подпись"),
        ("koi8", "koi8-r", "подпись"),
        ("iso_8859-5", "iso-8859-5", "подпись"),
        ("cp1251", "cp1251", "подпись"),
        ("macintosh", "mac-roman", "désolé"),
        ("latin1", "cp1252", "5 €"),
        ("utf-16le", "utf-16-le", SAID),
        ("utf8", "utf-8", SAID),
    ],
)
def test_a_charset_is_known_by_the_names_that_browsers_know(name, codec, text):
    assert shown_body(text.encode(codec), {"content-type": f"text/plain; charset={name}"}) == text


def test_a_body_is_unpacked_to_no_more_than_is_read_of_any():
    bomb = packed(bytes(256 << 20))[:CALL_BODY_BYTES]

    began = time.process_time()
    assert shown_body(bomb, {"content-encoding": "gzip"}) == "\ufffd" * 16384
    assert time.process_time() - began < 0.1


def test_deflate_is_zlib():
    assert shown_body(zlib.compress(b"no such hook"), {"content-encoding": "deflate"}) == "no such hook"


@pytest.mark.parametrize("charset", sorted(CHARSETS))
def test_no_bytes_of_any_charset_fail(charset):
    """Lone surrogates and NUL could not be stored."""
    every = bytes(range(256)) * 8 + b"\x00\xd8\x00\xd8" + b"\x1b$B" + b"\x81"

    shown = shown_body(every, {"content-type": f"text/plain; charset={charset}"})

    assert shown
    assert "\x00" not in shown
    assert shown.encode()
