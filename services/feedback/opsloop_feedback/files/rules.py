"""What a file is, by its content, and what it may be called: pure decisions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

import filetype

from opsloop_common.foreign import readable
from opsloop_common.invisible import comparable
from opsloop_common.limits import ATTACHMENT_NAME_CHARACTERS

HEAD_BYTES = 16 * 1024
"""So much of a file says what it is."""
TEXT = "text/plain"
ENDINGS: Mapping[str, tuple[str, ...]] = {
    "image/png": ("png",),
    "image/apng": ("png", "apng"),
    "image/jpeg": ("jpg", "jpeg"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/bmp": ("bmp",),
    "image/tiff": ("tif", "tiff"),
    "image/heic": ("heic", "heif"),
    "image/avif": ("avif",),
    "video/mp4": ("mp4", "m4v"),
    "video/x-m4v": ("m4v", "mp4"),
    "video/quicktime": ("mov",),
    "video/webm": ("webm",),
    "video/x-matroska": ("mkv", "webm"),
    "video/3gpp": ("3gp",),
    "audio/mpeg": ("mp3",),
    "audio/mp4": ("m4a",),
    "audio/aac": ("aac",),
    "audio/amr": ("amr",),
    "audio/ogg": ("ogg", "oga", "opus"),
    "audio/x-wav": ("wav",),
    "application/pdf": ("pdf",),
    "application/msword": ("doc",),
    "application/vnd.ms-excel": ("xls",),
    "application/vnd.ms-powerpoint": ("ppt",),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("xlsx",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ("pptx",),
    "application/vnd.oasis.opendocument.text": ("odt",),
    "application/vnd.oasis.opendocument.spreadsheet": ("ods",),
    "application/vnd.oasis.opendocument.presentation": ("odp",),
    "application/zip": ("zip", "docx", "xlsx", "pptx", "odt", "ods", "odp", "har"),
    "application/gzip": ("gz", "tgz"),
    "application/x-7z-compressed": ("7z",),
    "application/x-rar-compressed": ("rar",),
    TEXT: (
        "txt",
        "log",
        "csv",
        "tsv",
        "json",
        "jsonl",
        "md",
        "yaml",
        "yml",
        "xml",
        "ini",
        "conf",
        "har",
        "eml",
        "diff",
    ),
}
"""What files may be, and the endings that their names may have; the first is added to a name that has none of them."""
PICTURES = frozenset({"image/png", "image/apng", "image/jpeg", "image/gif", "image/webp"})
"""Of which small pictures are made."""
_FAMILIES = frozenset({"image", "audio", "video"})
_NOT_IN_NAMES = re.compile(r"""[\x00-\x1f\x7f-\x9f/\\:*?"<>|%]+""")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MARKS_OF_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def media_type_of(head: bytes) -> str | None:
    """Return what a file is by its first `HEAD_BYTES`, None for what is not taken: programs, scripts in disguise, unknown bytes.

    What is text to a reader is `text/plain`, whatever it is to a program: so HTML and SVG are shown, and never run.
    """
    found = readable(filetype.guess_mime, head)
    if found is not None:
        return found if found in ENDINGS else None
    return TEXT if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    if head.startswith(_MARKS_OF_UTF16):
        return True
    if _NO_TEXT.search(head):
        return False
    # cut anywhere: of a character at the end up to three bytes may be missing
    return any(
        readable(head[: len(head) - cut].decode, charset) is not None
        for charset in ("utf-8", "gb18030")
        for cut in range(4)
    )


def is_disguised(media_type: str, said: str | None) -> bool:
    """Say whether a sender calls a file a picture, a sound or a film, and it is none, or the other way round."""
    family, claimed = media_type.partition("/")[0], (said or "").partition("/")[0].strip().lower()
    if claimed not in _FAMILIES:
        return False
    return family != claimed and not {family, claimed} <= {"audio", "video"}


def safe_name(name: str | None, media_type: str) -> str:
    """Return what a file is called where people save it: no path, nothing unseen, an ending that its content has."""
    endings = ENDINGS[media_type]
    last = re.split(r"[/\\]", name or "")[-1]
    plain = _NOT_IN_NAMES.sub(" ", comparable(unicodedata.normalize("NFC", last)))
    stem = " ".join(plain.split()).strip(". ")
    if not stem:
        stem = "file"
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    ending = stem.rpartition(".")[2].lower() if "." in stem else ""
    if ending in endings:
        stem = stem[: -len(ending) - 1].strip(". ") or "file"
    else:
        ending = endings[0]
    return f"{stem[: ATTACHMENT_NAME_CHARACTERS - len(ending) - 1].rstrip()}.{ending}"
