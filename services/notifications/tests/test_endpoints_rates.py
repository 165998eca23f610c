"""How many calls a second an endpoint says that it takes."""

import pytest


@pytest.mark.parametrize("rate", [0, -1, 1001, 1.5, "fast"])
async def test_a_rate_is_a_whole_number_of_calls(acme, rate):
    path = f"/v1/webhooks/{acme.hook['id']}"
    answer = await acme.service.client.patch(path, json={"rate_limit": rate}, headers=acme.key)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/rate_limit"


async def test_a_rate_is_shown_audited_and_taken_away(acme):
    path = f"/v1/webhooks/{acme.hook['id']}"
    assert acme.hook["rate_limit"] is None
    await acme.change(acme.hook, rate_limit=5)
    assert (await acme.get(path))["rate_limit"] == 5
    await acme.change(acme.hook, rate_limit=None)
    assert (await acme.get(path))["rate_limit"] is None

    changes = [
        entry["after"] for entry in (await acme.get("/v1/audit"))["items"] if entry["action"] == "webhook.updated"
    ]
    assert changes == [{"rate_limit": None}, {"rate_limit": 5}]
