"""The HTTP shell through its door."""

from urllib.parse import urljoin

from opsloop_common.testing.sample.service import SAMPLE


async def test_a_note_goes_in_and_comes_out(api):
    sample = await api(SAMPLE)
    key = await sample.key("sample:write")

    made = await sample.client.post("/v1/notes", json={"text": "hello"}, headers=key)
    shown = await sample.client.get(urljoin(str(made.url), made.headers["location"]), headers=key)

    assert made.status_code == 201, made.text
    assert made.headers["etag"] == '"1"'
    assert shown.json() == made.json()
    [event] = await sample.events()
    assert event.workspace == "acme"
    assert event.actor.startswith("key:")
    assert event.correlationid == made.headers["x-request-id"]
