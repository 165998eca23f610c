"""Tokens of end users: signed with the workspace's secret, short, of one person, over when the secret is."""

import base64
import json
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from opsloop_common.access.user_secrets import UserSecret
from opsloop_common.access.users import LEEWAY_SECONDS
from opsloop_common.testing.http import user_token
from opsloop_common.testing.sample.service import SAMPLE


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


@pytest.fixture
async def secret(sample):
    return await make(sample)


async def make(sample, **body):
    admin = await sample.key("sample:admin")
    answer = await sample.client.post("/v1/user-secrets", json={"name": "shop"} | body, headers=admin)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return UserSecret(made["id"], made["secret"])


async def add(sample, token):
    return await sample.client.post("/v1/notes", json={"text": "x"}, headers={"Authorization": f"Bearer {token}"})


def crafted(header, claims, key="k"):
    """Return a token with a header that no library would write."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(b".".join(parts), key.encode())
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


async def test_an_end_user_speaks_as_themselves(sample, secret):
    token = user_token(secret, sample.clock.now(), sub="u-7", iat=sample.clock.now())

    answer = await add(sample, token)

    assert answer.status_code == 201, answer.text
    who = await sample.app.state.shell.authenticator.read(token)
    assert (who.workspace, who.actor, who.user_id, who.source, who.scopes) == (
        "acme",
        "user:u-7",
        "u-7",
        "users",
        set(),
    )
    assert [event.actor for event in await sample.events()] == ["user:u-7"]
    for path in ("/v1/notes", "/v1/workspace", "/v1/api-keys", "/v1/user-secrets"):
        refused = await sample.client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert refused.status_code == 403, path


async def test_the_secret_is_shown_once_and_stored_sealed(sample, secret):
    admin = await sample.key("sample:admin")

    shown = await sample.client.get(f"/v1/user-secrets/{secret.id}", headers=admin)
    listed = await sample.client.get("/v1/user-secrets", headers=admin)

    assert secret.text not in shown.text + listed.text
    assert "secret" not in shown.json()
    assert [item["id"] for item in listed.json()["items"]] == [secret.id]
    async with sample.db.autocommit() as connection:
        stored = (await connection.exec_driver_sql("SELECT row_to_json(s)::text FROM user_secret AS s")).scalar_one()
    assert secret.text not in stored
    assert secret.text not in repr(secret)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": timedelta(seconds=-LEEWAY_SECONDS - 1)}, "expired"),
        ({"exp": timedelta(hours=25)}, "longer than 24 hours"),
        ({"exp": timedelta(hours=2), "iat": timedelta(hours=-23)}, "longer than 24 hours"),
        ({"iat": timedelta(hours=1)}, "not valid yet"),
        ({"nbf": timedelta(hours=1)}, "not valid yet"),
        ({"exp": None}, "`exp`"),
        ({"exp": True}, "not a time"),
        ({"exp": float("nan")}, "not a time"),
        ({"exp": 10**400}, "not a time"),
        ({"sub": None}, "`sub`"),
        ({"sub": ""}, "`sub`"),
        ({"sub": "a\0b"}, "`sub`"),
        ({"sub": "a" * 201}, "`sub`"),
        ({"sub": 7}, "`sub`"),
        ({"sub": ["u1"]}, "`sub`"),
        ({"aud": "another.example"}, "`aud`"),
    ],
)
async def test_what_a_token_may_not_say(sample, secret, claims, why):
    now = sample.clock.now()
    moved = {name: now + value if isinstance(value, timedelta) else value for name, value in claims.items()}
    said = {"sub": "u1", "exp": now + timedelta(minutes=5)} | moved
    plain = {name: value for name, value in said.items() if value is not None}
    numbers = {name: value.timestamp() if hasattr(value, "timestamp") else value for name, value in plain.items()}

    answer = await add(sample, crafted({"alg": "HS256", "kid": secret.id}, numbers, secret.text))

    assert answer.status_code == 401
    assert why in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_who_may_be_named_and_for_how_long(sample, secret):
    now = sample.clock.now()

    for claims in (
        {"sub": "用户-7", "exp": now + timedelta(hours=24), "iat": now},
        {"sub": "auth0|7/8", "aud": "opsloop"},
        {"sub": "a" * 200, "aud": ["shop", "opsloop"], "iss": "https://shop.example", "workspace": "another"},
    ):
        token = user_token(secret, now, **claims)
        assert (await add(sample, token)).status_code == 201, claims
        assert (await sample.app.state.shell.authenticator.read(token)).workspace == "acme", "the secret names it"


async def test_nobody_signs_but_who_has_the_secret(sample, secret):
    now = sample.clock.now()
    claims = {"sub": "u1", "exp": int(now.timestamp()) + 60}
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = [
        user_token(UserSecret(secret.id, "x" * 64), now, sub="u1"),
        user_token(UserSecret(uuid4(), secret.text), now, sub="u1"),
        *(
            crafted({"alg": alg, "kid": secret.id}, claims, secret.text)
            for alg in ("none", "None", "HS512", "hs256", "RS256", None, ["HS256"])
        ),
        *(
            crafted({"alg": "HS256", "kid": kid}, claims, secret.text)
            for kid in (None, "", 7, ["x"], {"a": 1}, "../../dev/null", "' OR 1=1 --", f"{secret.id} ", "0" * 5000)
        ),
        crafted({"alg": "HS256", "kid": secret.id, "crit": ["exp"]}, claims, secret.text),
        crafted({"alg": "HS256", "kid": secret.id, "b64": False, "crit": ["b64"]}, claims, secret.text),
        crafted({"alg": "HS256", "jwk": {"kty": "oct", "k": "a"}}, claims, "k"),
        jwt.encode(claims, pair, algorithm="RS256", headers={"kid": secret.id}),
        user_token(secret, now, sub="u1") + "x",
        user_token(secret, now, sub="u1", padding="x" * 5_000),
        base64.urlsafe_b64encode(b"[" * 3_000).decode() + ".e30.e30",
        "..",
    ]

    for token in forged:
        assert (await add(sample, token)).status_code == 401, token[:80]


async def test_a_revoked_secret_ends_its_tokens_at_once(sample, secret):
    admin, token = await sample.key("sample:admin"), user_token(secret, sample.clock.now(), sub="u1")
    kept = await make(sample)
    assert (await add(sample, token)).status_code == 201

    revoked = await sample.client.delete(f"/v1/user-secrets/{secret.id}", headers=admin)

    assert revoked.status_code == 204
    assert (await add(sample, token)).status_code == 401
    assert (await sample.client.delete(f"/v1/user-secrets/{secret.id}", headers=admin)).status_code == 404
    assert (await add(sample, user_token(kept, sample.clock.now(), sub="u1"))).status_code == 201


async def test_a_foreign_secret_is_404_and_only_the_operator_reaches_other_workspaces(sample, secret):
    theirs = await sample.key("sample:admin", workspace="other")
    body = {"name": "x", "workspace": "other"}

    for method in ("GET", "DELETE"):
        answer = await sample.client.request(method, f"/v1/user-secrets/{secret.id}", headers=theirs)
        assert answer.status_code == 404
    assert (await sample.client.get("/v1/user-secrets", headers=theirs)).json()["items"] == []
    ours = await sample.key("sample:admin")
    assert (await sample.client.post("/v1/user-secrets", json=body, headers=ours)).status_code == 403
    made = await sample.client.post("/v1/user-secrets", json=body, headers=sample.operator)
    assert (made.status_code, made.json()["workspace"]) == (201, "other")
