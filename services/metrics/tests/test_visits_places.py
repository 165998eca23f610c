"""Where an address is: by a database that an operator supplies, and only by one."""

import ipaddress
from pathlib import Path

import maxminddb
import pytest

from opsloop_common.settings import BadSettings
from opsloop_common.testing.http import settings_for_tests
from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.visits.rules import Place
from opsloop_metrics.visits.service import MAX_NAME, places


def encoded(value):
    """Return a value as the MaxMind DB format writes it (no pointers, texts and maps of fewer than 29 elements or 285 bytes)."""
    match value:
        case str():
            data = value.encode()
            size = bytes([0x40 | len(data)]) if len(data) < 29 else bytes([0x40 | 29, len(data) - 29])
            return size + data
        case dict():
            return bytes([0xE0 | len(value)]) + b"".join(encoded(part) for pair in value.items() for part in pair)
        case list():
            return bytes([len(value), 4]) + b"".join(map(encoded, value))
        case bytes():
            return value  # has been written already
    raise TypeError(value)


def uint16(number):
    return b"\xa2" + number.to_bytes(2, "big")


def uint32(number):
    return b"\xc4" + number.to_bytes(4, "big")


def uint64(number):
    return b"\x08\x02" + number.to_bytes(8, "big")


def database(path: Path, networks):
    """Write a database of IPv4 networks, nodes of 2 × 32 bits."""
    nodes, data = [[None, None]], b""
    for network, record in networks.items():
        address = ipaddress.ip_network(network)
        bits = f"{int(address.network_address):032b}"[: address.prefixlen]
        node = 0
        for bit in bits[:-1]:
            if nodes[node][int(bit)] is None:
                nodes.append([None, None])
                nodes[node][int(bit)] = ("node", len(nodes) - 1)
            node = nodes[node][int(bit)][1]
        nodes[node][int(bits[-1])] = ("data", len(data))
        data += encoded(record)
    count = len(nodes)

    def pointer(side):
        if side is None:
            return count
        return side[1] if side[0] == "node" else count + 16 + side[1]

    tree = b"".join(pointer(side).to_bytes(4, "big") for node in nodes for side in node)
    about = {
        "binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "ip_version": uint16(4),
        "build_epoch": uint64(1_700_000_000), "database_type": "Test-City", "description": {"en": "a test's"},
        "languages": ["en"], "node_count": uint32(count), "record_size": uint16(32),
    }  # fmt: skip
    path.write_bytes(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + encoded(about))
    return path


@pytest.fixture
def file(tmp_path):
    return database(
        tmp_path / "places.mmdb",
        {
            "203.0.113.0/24": {
                "country": {"iso_code": "CN", "names": {"en": "China", "zh-CN": "中国"}},
                "subdivisions": [{"iso_code": "ZJ", "names": {"en": "Zhejiang"}}],
                "city": {"names": {"en": "Hangzhou", "zh-CN": "杭州"}},
            },
            "198.51.100.0/24": {"country": {"iso_code": "DE"}},
            "192.0.2.0/25": {"registered_country": {"iso_code": "FR"}},
            "192.0.2.128/25": {"country": "XX", "city": {"names": {"en": "x" * 250}}, "subdivisions": []},
            "100.64.0.0/10": {},
        },
    )


@pytest.mark.parametrize(
    ("ip", "place"),
    [
        ("203.0.113.7", Place("CN", "Zhejiang", "Hangzhou")),
        ("198.51.100.1", Place("DE")),
        ("192.0.2.1", Place("FR")),
        ("192.0.2.200", Place("", "", "x" * MAX_NAME)),
        ("100.64.0.1", Place()),
        ("10.0.0.1", None),
        ("2001:db8::1", None),
        ("203.0.113.7:80", None),
        ("nowhere", None),
        ("中", None),
        ("\x00", None),
        ("\ud800", None),
        ("1" * 5_000, None),
    ],
)
def test_an_address_is_somewhere(file, ip, place):
    with places(file) as place_of:
        assert place_of(ip) == place


def test_without_a_database_nobody_knows():
    with places(None) as place_of:
        assert place_of("203.0.113.7") is None


def test_a_file_that_is_none_is_told_at_the_start(tmp_path):
    file = tmp_path / "places.mmdb"
    file.write_bytes(b"nothing")

    with pytest.raises(maxminddb.InvalidDatabaseError, match="mmdb"), places(file):
        pass


def test_a_file_that_is_not_there_is_told_by_the_setting(tmp_path):
    with pytest.raises(BadSettings, match="OPSLOOP_GEOIP_DATABASE"):
        settings_for_tests(MetricsSettings, geoip_database=tmp_path / "none.mmdb")
    assert settings_for_tests(MetricsSettings).geoip_database is None
