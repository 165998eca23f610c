"""What a scope allows, of keys and of people alike."""

from __future__ import annotations

import pytest

from opsloop_common.access.principal import granted
from opsloop_common.testing.sample.service import SAMPLE

SHOP = frozenset({"shop:read", "shop:write", "shop:admin", "shop:submit"})


@pytest.mark.parametrize(
    ("carried", "allows"),
    [
        ({"shop:admin"}, SHOP),
        ({"shop:write"}, {"shop:write"}),
        ({"shop:read", "shop:submit"}, {"shop:read", "shop:submit"}),
        ({"other:admin", "admin", ":admin", "shop:owner", "shop:read "}, set()),
        ({"other:admin", "shop:read"}, {"shop:read"}),
        ((), set()),
    ],
    ids=["admin is all", "write does not read", "narrow ones", "not of this service", "another's admin", "none"],
)
def test_what_scopes_allow(carried, allows):
    assert granted(carried, SHOP) == allows


async def test_an_admins_key_reads_and_writes(api):
    sample = await api(SAMPLE)
    admin = await sample.key("sample:admin")

    assert (await sample.client.post("/v1/notes", json={"text": "x"}, headers=admin)).status_code == 201
    assert (await sample.client.get("/v1/notes", headers=admin)).status_code == 200
    assert (await sample.client.get("/v1/api-keys", headers=admin)).json()["items"][0]["scopes"] == ["sample:admin"]
