"""Web Push: sealed for one browser, and signed by who sends it."""

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.ways import web_push
from opsloop_notifications.ways.rules import (
    WAYS,
    Kind,
    Outcome,
    Setup,
    Target,
    Told,
    Unsendable,
    is_subscription,
    new_keys,
)

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
ID = UUID("0198c0de-0000-7000-8000-000000000001")
HOSTILE = '<!channel> "quoted", \\ [pay](https://evil.test) \n{"to": "+1"} 支付 😀'


def told(**fields):
    return Told(**({"id": ID, "title": "Hello", "body": "It is done.", "url": None, "language": "en"} | fields))


def noise(seed=7):
    return lambda count: bytes((seed * (place + 1)) % 251 for place in range(count))


def composed(kind, target=None, setup=None, **fields):
    way, made = WAYS[Kind(kind)], setup or Setup(kind, "https://chat.test/hook?token=t")
    return way.compose(told(**fields), made, target or Target(""), now=NOW, entropy=noise())


P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
THEIRS, OURS = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
SEALED = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95b"
    "Qpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
"""The example of RFC 8291, 5 and its appendix A."""
BROWSER = Target("https://push.test/send/abc", {"p256dh": P256DH, "auth": AUTH})


def key_of(private):
    return ec.derive_private_key(int.from_bytes(web_push.read(private)), web_push.CURVE)


def opened(body):
    """Return what the browser of the RFC reads."""
    salt, size, point = body[:16], int.from_bytes(body[16:20]), body[21 : 21 + body[20]]
    assert size == 4096
    theirs = key_of(THEIRS)
    shared = theirs.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(web_push.CURVE, point))
    info = b"WebPush: info\0" + web_push.public_bytes(theirs.public_key()) + point
    secret = web_push._expand(web_push._extract(web_push.read(AUTH), shared), info, 32)
    seed = web_push._extract(salt, secret)
    key = web_push._expand(seed, b"Content-Encoding: aes128gcm\0", 16)
    nonce = web_push._expand(seed, b"Content-Encoding: nonce\0", 12)
    plain = AESGCM(key).decrypt(nonce, body[21 + len(point) :], None)
    assert plain[-1:] == b"\x02"
    return plain[:-1]


class TestWebPush:
    def setup_method(self):
        self.private, self.public = new_keys(noise(3))
        self.setup = Setup("web_push", "", secret=self.private, settings={"subject": "mailto:ops@example.test"})

    def test_the_example_of_the_rfc(self):
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(web_push.CURVE, web_push.read(P256DH))
        body = web_push.encrypted(
            b"When I grow up, I want to be a watermelon",
            theirs,
            web_push.read(AUTH),
            ours=key_of(OURS),
            salt=web_push.read(SALT),
        )
        assert web_push.written(body) == SEALED
        assert opened(body) == b"When I grow up, I want to be a watermelon"

    def test_what_a_browser_reads(self):
        post = composed("web_push", BROWSER, self.setup, title="Hello", body="It is done.", url="/orders/7")
        said = json.loads(opened(post.body))
        assert said == {"id": str(ID), "title": "Hello", "body": "It is done.", "url": "/orders/7"}
        assert post.url == BROWSER.address
        assert post.headers["content-encoding"] == "aes128gcm"
        assert post.headers["ttl"] == "86400"

    def test_a_repeat_takes_the_place_of_the_first(self):
        topics = {composed("web_push", BROWSER, self.setup).headers["topic"] for _ in range(2)}
        (topic,) = topics
        assert len(topic) <= 32

    @pytest.mark.parametrize("body", ["x" * 50_000, "好" * 20_000, "\x01" * 20_000, "😀" * 9_000, '"' * 20_000])
    def test_nothing_is_longer_than_push_services_take(self, body):
        post = composed("web_push", BROWSER, self.setup, title=body, body=body, url="https://x.test/" + "a" * 2_000)
        assert len(post.body) <= 4096
        assert json.loads(opened(post.body))["url"] is None

    def test_who_sends_is_signed(self):
        post = composed("web_push", BROWSER, self.setup)
        token, _, key = post.headers["authorization"].removeprefix("vapid t=").partition(", k=")
        head, claims, sign = token.split(".")
        raw = web_push.read(sign)
        signature = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        public = ec.EllipticCurvePublicKey.from_encoded_point(web_push.CURVE, web_push.read(key))
        public.verify(signature, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))

        said = json.loads(urlsafe_b64decode(claims + "=="))
        assert key == self.public
        assert json.loads(urlsafe_b64decode(head + "==")) == {"typ": "JWT", "alg": "ES256"}
        assert (said["aud"], said["sub"]) == ("https://push.test", "mailto:ops@example.test")
        assert timedelta(0) < datetime.fromtimestamp(said["exp"], UTC) - NOW <= timedelta(hours=24)

    @pytest.mark.parametrize(
        ("status", "outcome"),
        [(201, Outcome.SENT), (202, Outcome.SENT), (404, Outcome.GONE), (410, Outcome.GONE), (413, Outcome.FAILED),
         (403, Outcome.FAILED), (429, Outcome.LATER), (500, Outcome.LATER)],
    )  # fmt: skip
    def test_what_an_answer_means(self, status, outcome):
        assert WAYS[Kind.WEB_PUSH].judge(self.setup, status, {}, "").outcome is outcome

    @pytest.mark.parametrize(
        ("p256dh", "auth", "is_one"),
        [
            (P256DH, AUTH, True), (P256DH[:-2], AUTH, False), (P256DH, AUTH[:-2], False), ("A" * 87, AUTH, False),
            (P256DH, "", False), ("", AUTH, False), (P256DH, "A" * 21, False), ("é", AUTH, False),
        ],
    )  # fmt: skip
    def test_keys_of_browsers_are_told_from_others(self, p256dh, auth, is_one):
        assert is_subscription(p256dh, auth) is is_one

    def test_what_is_longer_than_a_record_is_never_sealed(self):
        with pytest.raises(Unsendable):
            web_push.encrypt(b"x" * 3_994, p256dh=P256DH, auth=AUTH, entropy=noise())

    @given(st.binary(min_size=40, max_size=40))
    def test_any_bytes_come_to_a_key(self, raw):
        assert 0 < web_push.private_key(raw).private_numbers().private_value < web_push.ORDER
