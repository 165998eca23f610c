"""API keys: made once, shown once, held to their scopes and workspace, gone at once when revoked."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.access.authenticator import Authenticator
from opsloop_common.access.keys import Token
from opsloop_common.clock import rfc3339
from opsloop_common.errors import Unauthorized
from opsloop_common.testing.http import OPERATOR_KEY, settings_for_tests
from opsloop_common.testing.sample.service import SAMPLE


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


async def make(sample, headers, **body):
    return await sample.client.post(
        "/v1/api-keys", json={"name": "a", "scopes": ["sample:read"]} | body, headers=headers
    )


async def test_an_admin_makes_keys_for_its_own_workspace(sample):
    admin = await sample.key("sample:admin")

    made = await make(sample, admin, scopes=["sample:write", "sample:read"])
    bearer = {"Authorization": f"Bearer {made.json()['key']}"}

    assert made.status_code == 201, made.text
    assert made.json()["key"].startswith("opl_")
    assert made.json()["scopes"] == ["sample:read", "sample:write"]
    assert made.json()["workspace"] == "acme"
    assert (await sample.client.post("/v1/notes", json={"text": "x"}, headers=bearer)).status_code == 201
    shown = await sample.client.get(f"/v1/api-keys/{made.json()['id']}", headers=admin)
    listed = await sample.client.get("/v1/api-keys", headers=admin)
    assert "key" not in shown.json()
    assert made.json()["key"] not in listed.text
    assert listed.json()["items"][0]["id"] == made.json()["id"]
    async with sample.db.transaction() as session:
        stored = (await session.execute(text("SELECT row_to_json(api_key)::text FROM api_key"))).scalars().all()
    assert not any(made.json()["key"].rpartition("_")[2] in row for row in stored)


async def test_what_a_key_may_not_be(sample):
    admin, reader = await sample.key("sample:admin"), await sample.key("sample:read", "sample:write")

    foreign_scope = await make(sample, admin, scopes=["sample:read", "metrics:read"])
    past = await make(sample, admin, expires_at=rfc3339(sample.clock.now()))

    assert (foreign_scope.status_code, foreign_scope.json()["errors"][0]["pointer"]) == (422, "/scopes/1")
    assert (past.status_code, past.json()["errors"][0]["pointer"]) == (422, "/expires_at")
    assert (await make(sample, admin, workspace="No Slug")).status_code == 422
    assert (await make(sample, admin, scopes=[])).status_code == 422
    assert (await make(sample, admin, workspace="other")).status_code == 403
    assert (await make(sample, admin, workspace="acme")).status_code == 201
    assert (await make(sample, reader)).status_code == 403


async def test_the_operator_makes_keys_for_any_workspace(sample):
    made = await make(sample, sample.operator, workspace="brand-new", scopes=["sample:admin"])
    admin = {"Authorization": f"Bearer {made.json()['key']}"}

    assert made.status_code == 201, made.text
    assert (await sample.client.get("/v1/workspace", headers=admin)).json()["name"] == "brand-new"
    assert (await sample.client.get("/v1/workspace", headers=sample.operator)).json()["name"] == "default"
    listed = await sample.client.get("/v1/api-keys?workspace=brand-new", headers=sample.operator)
    assert [item["id"] for item in listed.json()["items"]] == [made.json()["id"]]
    entries = (await sample.client.get("/v1/audit?action=api_key.created", headers=admin)).json()["items"]
    assert [(entry["actor"], entry["subject"]) for entry in entries] == [
        ("key:operator", f"api_key/{made.json()['id']}")
    ]


async def test_a_foreign_key_is_404(sample):
    ours, theirs = await sample.key("sample:admin"), await sample.key("sample:admin", workspace="other")
    key_id = (await make(sample, ours)).json()["id"]

    assert (await sample.client.get(f"/v1/api-keys/{key_id}", headers=theirs)).status_code == 404
    assert (await sample.client.delete(f"/v1/api-keys/{key_id}", headers=theirs)).status_code == 404
    assert (await sample.client.get(f"/v1/api-keys/{uuid4()}", headers=theirs)).status_code == 404
    assert (await sample.client.get(f"/v1/api-keys/{key_id}", headers=ours)).status_code == 200
    foreign = [item["workspace"] for item in (await sample.client.get("/v1/api-keys", headers=theirs)).json()["items"]]
    assert foreign == ["other"]


async def test_revocation_holds_at_once(sample):
    admin = await sample.key("sample:admin")
    made = (await make(sample, admin)).json()
    bearer = {"Authorization": f"Bearer {made['key']}"}
    assert (await sample.client.get("/v1/notes", headers=bearer)).status_code == 200

    revoked = await sample.client.delete(f"/v1/api-keys/{made['id']}", headers=admin)

    assert revoked.status_code == 204
    assert (await sample.client.get("/v1/notes", headers=bearer)).status_code == 401
    assert (await sample.client.get(f"/v1/api-keys/{made['id']}", headers=admin)).status_code == 404
    assert (await sample.client.delete(f"/v1/api-keys/{made['id']}", headers=admin)).status_code == 404
    entries = (await sample.client.get(f"/v1/audit?subject=api_key/{made['id']}", headers=admin)).json()["items"]
    assert [entry["action"] for entry in entries] == ["api_key.revoked", "api_key.created"]


async def test_revocation_elsewhere_holds_after_five_seconds(sample):
    admin = await sample.key("sample:admin")
    made = (await make(sample, admin)).json()
    now = 100.0
    elsewhere = Authenticator(sample.db, scopes=SAMPLE.scopes, monotonic=lambda: now)
    await elsewhere.read(made["key"])

    await sample.client.delete(f"/v1/api-keys/{made['id']}", headers=admin)

    now += 4.9
    assert (await elsewhere.read(made["key"])).workspace == "acme"
    now += 0.2
    with pytest.raises(Unauthorized):
        await elsewhere.read(made["key"])


async def test_a_key_ends_when_it_expires(sample):
    admin = await sample.key("sample:admin")
    made = (await make(sample, admin, expires_at=rfc3339(sample.clock.now() + timedelta(hours=1)))).json()
    bearer = {"Authorization": f"Bearer {made['key']}"}

    assert (await sample.client.get("/v1/notes", headers=bearer)).status_code == 200
    sample.clock.advance(timedelta(hours=1))
    assert (await sample.client.get("/v1/notes", headers=bearer)).status_code == 401


async def test_a_right_id_with_a_wrong_secret_is_nobody(sample):
    admin = await sample.key("sample:admin")
    known = Token.parse(admin["Authorization"].removeprefix("Bearer "))

    for forged in (Token(known.id, "0" * 64), Token(uuid4(), known.secret)):
        answer = await sample.client.get("/v1/notes", headers={"Authorization": f"Bearer {forged}"})
        assert answer.status_code == 401


async def test_the_last_use_is_saved_at_most_once_a_minute(sample):
    admin = await sample.key("sample:admin")
    made = (await make(sample, admin)).json()
    now = 0.0
    reader = Authenticator(sample.db, scopes=SAMPLE.scopes, monotonic=lambda: now)

    async def last_used_after(seconds):
        nonlocal now
        now += seconds
        sample.clock.advance(seconds)
        await reader.read(made["key"])
        return (await sample.client.get(f"/v1/api-keys/{made['id']}", headers=admin)).json()["last_used_at"]

    first = await last_used_after(0)
    assert first == rfc3339(sample.clock.now())
    assert await last_used_after(30) == first
    assert await last_used_after(30) == rfc3339(sample.clock.now())


async def test_a_changed_operators_key_replaces_the_old(api):
    sample = await api(SAMPLE, settings_for_tests(bootstrap_key="opl_looks_like_a_key_but_is_none"))

    new = {"Authorization": "Bearer opl_looks_like_a_key_but_is_none"}
    assert (await sample.client.get("/v1/workspace", headers=new)).status_code == 200
    assert (await sample.client.get("/v1/workspace", headers=sample.operator)).status_code == 401
    assert OPERATOR_KEY in sample.operator["Authorization"]


async def test_the_operators_key_is_not_revocable_by_api(sample):
    assert (await sample.client.delete("/v1/api-keys/operator", headers=sample.operator)).status_code == 404
    assert (await sample.client.get("/v1/workspace", headers=sample.operator)).status_code == 200


async def test_a_key_says_who_speaks_with_it(sample):
    admin = await sample.key("sample:admin")

    made = [await make(sample, admin, name=name) for name in ("Shop: Front", "shop front", "门店", "People")]
    given = await make(sample, admin, source="erp")
    rotated = await make(sample, admin, name="the next one", source="erp")

    sources = [answer.json()["source"] for answer in made]
    assert sources[:2] == ["shop-front", "shop-front-2"]
    assert sources[2].startswith("key-")
    assert sources[3] == "people-2", "a reserved one is taken"
    assert (given.json()["source"], rotated.json()["source"]) == ("erp", "erp")
    listed = (await sample.client.get("/v1/api-keys?source=erp", headers=admin)).json()["items"]
    assert [item["id"] for item in listed] == [rotated.json()["id"], given.json()["id"]]
    entry = (await sample.client.get(f"/v1/audit?subject=api_key/{given.json()['id']}", headers=admin)).json()
    assert entry["items"][0]["after"]["source"] == "erp"


async def test_a_source_is_a_slug_that_is_free_to_use(sample):
    admin = await sample.key("sample:admin")

    for source in ("operator", "people", "users", "No Slug", "", "-a", "a" * 64):
        answer = await make(sample, admin, source=source)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/source"), source


async def test_a_source_is_free_again_when_its_key_has_ended(sample):
    admin = await sample.key("sample:admin")
    first = (await make(sample, admin, name="partner")).json()
    hour = rfc3339(sample.clock.now() + timedelta(hours=1))
    assert (await make(sample, admin, name="other", expires_at=hour)).json()["source"] == "other"

    await sample.client.delete(f"/v1/api-keys/{first['id']}", headers=admin)
    sample.clock.advance(timedelta(hours=2))

    assert (await make(sample, admin, name="partner")).json()["source"] == "partner"
    assert (await make(sample, admin, name="other")).json()["source"] == "other"


async def test_keys_of_one_name_made_at_once_have_sources_of_their_own(sample):
    admin = await sample.key("sample:admin")

    made = await asyncio.gather(*(make(sample, admin, name="x" * 63) for _ in range(20)))

    sources = {answer.json()["source"] for answer in made}
    assert len(sources) == 20
    assert all(len(source) <= 63 for source in sources)
