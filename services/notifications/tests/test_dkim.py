"""Keys are read once and told of without what is in them, and what they sign is verified with what DNS has to say."""

from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from opsloop_common.settings import BadSettings, Unusable
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.dkim.service import open_signer
from opsloop_notifications.settings import NotificationsSettings

FROM = "Ops <ops@example.test>"
MAIL = b"From: ops@example.test\r\nTo: u1@example.test\r\nSubject: Hello\r\n\r\nhello\r\n"


def pem(key, password=None):
    how = NoEncryption() if password is None else BestAvailableEncryption(password)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


@pytest.fixture
def keys(tmp_path) -> dict[str, Path]:
    made = {
        "rsa": pem(generate_private_key(65537, 2048)),
        "ed": pem(Ed25519PrivateKey.generate()),
        "short": pem(generate_private_key(65537, 1024)),  # noqa: S505 - what is refused
        "curve": pem(generate_ec(SECP256R1())),
        "locked": pem(Ed25519PrivateKey.generate(), b"secret"),
        "none": b"not a key",
    }
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in (*made, "missing")}


def dns_of(signer):
    """Return a DNS that knows the signer's records."""
    known = {}
    for line in signer.records():
        name, _, strings = line.partition(" IN TXT ")
        known[name.encode()] = "".join(strings.strip("() ").strip('"').split('" "')).encode()
    return lambda name, timeout=5: known.get(name)


def test_both_signatures_are_verified_by_what_the_records_say(keys):
    signer = open_signer("example.test", [("r1", str(keys["rsa"])), ("e1", str(keys["ed"]))])

    signed = signer.sign(MAIL)

    assert signed.endswith(MAIL)
    assert signed.count(b"DKIM-Signature: ") == 2
    for place in (0, 1):
        assert dkim.DKIM(signed).verify(place, dnsfunc=dns_of(signer))
    assert dkim.verify(signed.replace(b"hello", b"party"), dnsfunc=dns_of(signer)) is False


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing", "cannot be read"),
        ("none", "no private key"),
        ("locked", "without a password"),
        ("short", "at least 2048 bits"),
        ("curve", "RSA with at least 2048 bits, or Ed25519"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_by_its_file(keys, name, why):
    with pytest.raises(Unusable, match=f"OPSLOOP_DKIM_KEYS: .*{name}.*{why}") as found:
        open_signer("example.test", [("s1", str(keys[name]))])
    assert "BEGIN" not in str(found.value)


def given(**fields):
    return settings_for_tests(NotificationsSettings, **{"mail_from": FROM} | fields)


def test_settings_name_several_keys_and_the_senders_domain():
    settings = given(dkim_keys="r1=/a.pem, e1=/b=c.pem,")

    assert settings.named_dkim_keys == [("r1", "/a.pem"), ("e1", "/b=c.pem")]
    assert settings.dkim_signs_for == "example.test"
    assert given(dkim_keys="a=/a", mail_from="ops@例子.测试").dkim_signs_for == "xn--fsqu00a.xn--0zwm56d"
    assert given(dkim_keys="a=/a", dkim_domain="Mail.Example.test").dkim_signs_for == "mail.example.test"
    assert given(dkim_keys="a=/a", mail_from="o@mail.example.test", dkim_domain="example.test").dkim_keys
    assert given().named_dkim_keys == []


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"dkim_keys": "/path/key.pem"}, "DKIM_KEYS: entry 1"),
        ({"dkim_keys": "a=/a,b="}, "DKIM_KEYS: entry 2"),
        ({"dkim_keys": "a;b=/a"}, "DKIM_KEYS: entry 1"),
        ({"dkim_keys": "a=/a,a=/b"}, "one selector"),
        ({"dkim_keys": "a=/a", "mail_from": "ops@localhost"}, "DKIM_DOMAIN must be a domain"),
        ({"dkim_keys": "a=/a", "dkim_domain": "a b"}, "DKIM_DOMAIN must be a domain"),
        ({"dkim_keys": "a=/a", "dkim_domain": "other.test"}, "domain of OPSLOOP_MAIL_FROM"),
        ({"dkim_keys": "a=/a", "dkim_domain": "notexample.test"}, "domain of OPSLOOP_MAIL_FROM"),
    ],
)
def test_settings_that_could_not_work_are_refused(fields, what):
    with pytest.raises(BadSettings, match=what):
        given(**fields)


def test_keys_of_mails_are_read_beside_earlier_secret_keys():
    with pytest.raises(BadSettings, match="OPSLOOP_SECRET_KEY_PREVIOUS"):
        settings_for_tests(NotificationsSettings, secret_key_previous="too short")
