"""Addresses of mail: which are plain enough to stand in a header and an envelope and name the same one person in both.

No parser of header syntax is asked: `email.utils` and `email.policy` read encoded words, comments, routes and groups, and
read them differently from one patch of Python to the next. What may stand before the @, `email-validator` knows, what
after it `idna`; of those only plain ones are taken. No name is looked up.
"""

from __future__ import annotations

import re
import unicodedata
from functools import partial

import idna
from email_validator import validate_email

from opsloop_common.foreign import readable

MAX_ADDRESS_CHARACTERS = 254
# dot-atom "@" dot-atom (RFC 5322, 3.4.1) with the letters of other scripts (RFC 6532), without "?": no encoded word has none
_ATOM = r"(?:[A-Za-z0-9!#$%&'*+/=^_`{|}~-]|[^\x00-\x7f])+"
_LABEL = r"(?:[A-Za-z0-9-]|[^\x00-\x7f])+"
ADDRESS_PATTERN = rf"^{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+$"
"""What an address that somebody gives looks like, in the dialect that JSON Schema has too."""
_PLAIN = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>{_LABEL}(?:\.{_LABEL})*)")
_IS_PLAIN_LABEL = re.compile(r"(?![Xx][Nn]--)[A-Za-z0-9-]{1,63}")
MAX_LOCAL_OCTETS = 64
MAX_DOMAIN_CHARACTERS = 253
_MAILBOX = re.compile(r"\s*(?P<name>[^<>]*?)\s*<(?P<address>[^<>]*)>\s*|\s*(?P<bare>[^<>\s]*)\s*")
_PLAIN_WORDS = "must be a plain e-mail address such as name@example.com"
_HYPHEN_WORDS = "must have a domain whose labels neither begin nor end with a hyphen"
_SIGNS_WORDS = "must consist of letters, digits and the signs that addresses have"
_DOMAIN_WORDS = "must have a domain that can exist"
# letters and marks that nobody sees (DerivedCoreProperties: Default_Ignorable_Code_Point, of the categories below)
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_JOINERS = dict.fromkeys((0x200C, 0x200D))
_LETTERS = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"}


def address_flaw(address: str) -> str | None:
    """Say why an address is not a plain `local@domain`, or return None. The address itself is not repeated."""
    found = _PLAIN.fullmatch(address) if len(address) <= MAX_ADDRESS_CHARACTERS else None
    local, _, domain = address[:MAX_ADDRESS_CHARACTERS].rpartition("@")
    # Indic and Persian names are written with joiners, which `idna` takes where they belong
    if not all(_is_plain(char) for char in local + domain.translate(_JOINERS)):
        return _SIGNS_WORDS
    if found is None or len(found["local"].encode()) > MAX_LOCAL_OCTETS:
        return _PLAIN_WORDS
    if any(label.startswith("-") or label.endswith("-") for label in found["domain"].split(".")):
        return _HYPHEN_WORDS
    # of ASCII every dot-atom is one, which is what the pattern has seen; asking takes a tenth of a millisecond of each mail
    if not (found["local"].isascii() or _has_plain_local(found["local"])):
        return _SIGNS_WORDS
    return None if _can_exist(found["domain"]) else _DOMAIN_WORDS


def _has_plain_local(local: str) -> bool:
    read = readable(partial(validate_email, check_deliverability=False), f"{local}@example.com")
    return read is not None and read.local_part == local  # composed as others write it


def _can_exist(domain: str) -> bool:
    # by itself: the validator knows names that no mail of the internet reaches, such as `localhost`; mail of this house may
    if domain.rpartition(".")[2].isdigit():
        return False
    # two hyphens in the third and fourth place are reserved in names of other scripts only: ab--c.com is there
    labels = [label if _IS_PLAIN_LABEL.fullmatch(label) else _encoded(label) for label in domain.split(".")]
    return all(labels) and len(".".join(labels)) <= MAX_DOMAIN_CHARACTERS


def _encoded(label: str) -> str:
    return (readable(partial(idna.encode, uts46=True), label) or b"").decode()


def read_mailbox(text: str) -> tuple[str, str]:
    """Return name (may be empty) and address of `Name <name@example.com>` or of a bare address; raises ValueError."""
    found = _MAILBOX.fullmatch(text)
    name, address = (found["name"] or "", found["address"] or found["bare"] or "") if found else ("", "")
    if address_flaw(address) is not None or not name.isprintable():
        raise ValueError("must look like OpsLoop <name@example.com>")
    return name.strip('"'), address


def _is_plain(char: str) -> bool:
    # ＠ and ， become signs of ASCII where somebody normalises; marks of direction show another address than is meant
    if char.isascii():
        return True
    if _UNSEEN.match(char):
        return False
    return unicodedata.category(char) in _LETTERS and not unicodedata.normalize("NFKC", char).isascii()
