"""What may be asked of a key: the route and the commands take one shape, and refuse the same in the same words."""

import pytest

from opsloop_common.errors import Invalid
from opsloop_common.http.credentials import ApiKeyIn, UserSecretIn
from opsloop_common.http.refusals import shaped
from opsloop_common.testing.sample.service import SAMPLE

NO_SLUG = "must be lower-case letters, digits and hyphens, up to 63"


@pytest.mark.parametrize(
    ("asked", "pointer", "said"),
    [
        ({"scopes": []}, "/scopes", "at least 1 item"),
        ({"scopes": ["sample:read"] * 51}, "/scopes", "at most 50 items"),
        ({"scopes": ["sample:read", "sample:raed"]}, "/scopes/1", "did you mean sample:read?"),
        ({"scopes": [""]}, "/scopes/0", "is no scope"),
        ({"name": ""}, "/name", "at least 1 character"),
        ({"name": "名" * 201}, "/name", "at most 200 characters"),
        ({"name": " \u200b\u3164\u2800"}, "/name", "must say something"),
        ({"workspace": "Acme"}, "/workspace", NO_SLUG),
        ({"workspace": "a" * 64}, "/workspace", NO_SLUG),
        ({"workspace": ""}, "/workspace", NO_SLUG),
        ({"source": "a b"}, "/source", NO_SLUG),
        ({"source": "visitors"}, "/source", "is reserved"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at", "must be in the future"),
        ({"expires_at": "tomorrow"}, "/expires_at", "must be an RFC 3339 time"),
    ],
)
async def test_a_key_is_refused_alike_at_the_door_and_at_the_command_line(api, asked, pointer, said):
    sample = await api(SAMPLE)
    body = {"name": "ci", "scopes": ["sample:read"]} | asked

    answer = await sample.client.post("/v1/api-keys", json=body, headers=sample.operator)
    with pytest.raises(Invalid) as refusal:
        shaped(ApiKeyIn, **body).require_possible(SAMPLE.scopes, now=sample.clock.now())

    (told,) = answer.json()["errors"]
    assert (answer.status_code, told["pointer"]) == (422, pointer)
    assert said in told["detail"]
    assert [(each.pointer, each.detail) for each in refusal.value.errors] == [(pointer, told["detail"])]


def test_all_fields_of_a_shape_are_told_at_once():
    with pytest.raises(Invalid) as refusal:
        shaped(UserSecretIn, name="\u200b", workspace="A", colour="red")
    with pytest.raises(Invalid) as both:
        shaped(UserSecretIn, name="\u200b", workspace="A")

    assert "colour" in refusal.value.errors[0].pointer + refusal.value.errors[0].detail
    assert [each.pointer for each in both.value.errors] == ["/name", "/workspace"]
