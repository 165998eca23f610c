"""Strict reading of a URL that a user gives: what two parsers could read differently is refused."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, urlsplit

import idna

from opsloop_common.foreign import Unreadable, readable, reading
from opsloop_common.outbound.rules import AddressPolicy

MAX_URL_CHARACTERS = 2_048
_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_BRACKETED = re.compile(r"\[[0-9A-Fa-f:.]+\](?::[0-9]+)?")  # some urlsplit let text after the bracket pass
_PRINTABLE_ASCII = "".join(chr(code) for code in range(0x21, 0x7F))


class BadUrl(ValueError):
    """The URL cannot be called; the text says why and does not repeat it."""


@dataclass(frozen=True)
class Target:
    """A URL taken apart: `url` is ASCII and ready to send, `host` lower case, `literal` the address when it is one."""

    url: str
    host: str
    port: int
    literal: str | None


def read_url(url: str) -> Target:
    """Take a user-given http(s) URL apart; raises BadUrl for whatever is not plainly one."""
    if len(url) > MAX_URL_CHARACTERS:
        raise BadUrl(f"longer than {MAX_URL_CHARACTERS} characters")
    if any(ord(char) <= 0x20 or ord(char) == 0x7F or char == "\\" for char in url):
        raise BadUrl("contains white space, a control character or a backslash")
    if "#" in url:
        raise BadUrl("must not have a fragment")
    try:
        with reading():
            parts = urlsplit(url)
            port = parts.port
    except Unreadable as error:
        raise BadUrl("is not a URL") from error
    if parts.scheme not in _PORTS or not url.lower().startswith(f"{parts.scheme}://"):
        raise BadUrl("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise BadUrl("must not carry a user name or password")
    if port == 0 or parts.netloc.endswith(":"):
        raise BadUrl("has no valid port")
    host, literal = _read_host(parts.netloc, parts.hostname or "")
    shown = f"[{host}]" if ":" in host else host
    rest = quote(url[len(parts.scheme) + 3 + len(parts.netloc) :], safe=_PRINTABLE_ASCII)
    if not rest.startswith("/"):
        rest = f"/{rest}"
    netloc = shown if port is None else f"{shown}:{port}"
    return Target(f"{parts.scheme}://{netloc}{rest}", host, port or _PORTS[parts.scheme], literal)


def check_url(url: str, policy: AddressPolicy) -> Target:
    """Read a URL and refuse what can be refused without asking the DNS; raises BadUrl."""
    target = read_url(url)
    if policy.is_own(target.host, target.port):
        raise BadUrl("is our own address")
    if target.literal is not None and not policy.allows(target.literal, target.port):
        raise BadUrl("names an address that may not be called from here")
    return target


def _read_host(netloc: str, host: str) -> tuple[str, str | None]:
    if len(host) > 253:  # no name is longer, and what follows would work on all of it
        raise BadUrl("has no valid host name")
    if not host or "%" in netloc:
        raise BadUrl("has no plain host")
    if netloc.startswith("["):
        if not _BRACKETED.fullmatch(netloc):
            raise BadUrl("has no valid IPv6 address in brackets")
        if (address := readable(IPv6Address, host)) is None:
            raise BadUrl("has no valid IPv6 address in brackets")
        return str(address), str(address)
    name = _ascii_name(host)
    labels = name.removesuffix(".").split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        # glibc reads 2130706433, 0x7f.1 and 127.1 as addresses: only the one canonical spelling passes
        if (literal := readable(IPv4Address, name)) is None:
            raise BadUrl("has an IPv4 address in an unusual spelling")
        return str(literal), str(literal)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadUrl("has no valid host name")
    return name, None


def _ascii_name(host: str) -> str:
    if host.isascii():
        return host.lower()
    if unicodedata.normalize("NFKC", host).replace("。", ".").isascii():
        raise BadUrl("has an ASCII host in disguise")
    try:
        with reading():
            return idna.encode(host, uts46=True).decode().lower()
    except Unreadable as error:
        raise BadUrl("has no valid host name") from error
