"""Plausible through its door."""

import json

import pytest

SITE = "shop.example"


def sent(domain, **fields):
    return {"n": "pageview", "u": "https://shop.example/pricing?utm_source=news", "d": domain, "v": 31} | fields


async def test_the_answer_is_a_word(capture):
    answer = await capture.post(
        "/api/event", content=json.dumps(sent(capture.key)), headers={"Content-Type": "text/plain"}
    )

    assert (answer.status_code, answer.text) == (202, "ok")
    assert answer.headers["content-type"].startswith("text/plain")
    assert await capture.stored("event, path, utm_source") == [("$pageview", "/pricing", "news")]


@pytest.mark.parametrize(
    ("path", "domain", "headers"),
    [
        ("/api/event?key={}", SITE, {}),
        ("/api/event", SITE, {"Authorization": "Bearer {}"}),
        ("/api/event", "{}", {}),
        ("/api/event", "{},all.example", {}),
    ],
)
async def test_where_the_key_stands(capture, path, domain, headers):
    headers = {name: value.format(capture.key) for name, value in headers.items()}

    answer = await capture.post(path.format(capture.key), sent(domain.format(capture.key)), headers=headers)

    assert answer.status_code == 202, answer.text
    assert await capture.stored() == ["$pageview"]


async def test_long_names_are_the_same(capture):
    body = {"name": "Signup", "url": "https://shop.example/", "domain": capture.key, "props": '{"plan": "pro"}'}

    assert (await capture.post("/api/event", body)).status_code == 202
    ((event, properties),) = await capture.stored("event, properties")
    assert (event, json.loads(properties)) == ("Signup", {"plan": "pro"})


@pytest.mark.parametrize("lacking", ["n", "u"])
async def test_what_is_refused_is_named(capture, lacking):
    body = {name: said for name, said in sent(capture.key).items() if name != lacking}

    answer = await capture.post("/api/event", body)

    assert answer.status_code == 400
    assert answer.json()["errors"]["event"]
    assert await capture.stored() == []


async def test_a_visitor_is_one_for_a_day(capture):
    headers = {"User-Agent": "a browser"}
    await capture.post("/api/event", sent(capture.key), headers=headers)
    await capture.post("/api/event", sent(capture.key), headers=headers)
    capture.world.api.clock.advance(86_400)
    await capture.post("/api/event", sent(capture.key), headers=headers)

    ids = await capture.stored("distinct_id")
    assert (len(ids), len(set(ids))) == (3, 2)


async def test_a_page_names_its_visitors_address_and_browser(capture):
    key = await capture.publishable()
    chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
    headers = {"Origin": "https://shop.example", "User-Agent": chrome}

    answer = await capture.post(f"/api/event?key={key}", sent(SITE), headers=headers)

    assert answer.status_code == 202
    assert await capture.stored("browser, device, is_bot") == [("Chrome", "desktop", 0)]


async def test_revenue_is_a_property(capture):
    await capture.post("/api/event", sent(capture.key, n="Paid", **{"$": {"amount": "12.50", "currency": "CNY"}}))

    (properties,) = await capture.stored("properties")
    assert json.loads(properties) == {"revenue": 12.5, "currency": "CNY"}
