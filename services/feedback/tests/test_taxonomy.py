"""Areas of the product: what they belong to, and by which words posts find theirs."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common import limits
from opsloop_common.errors import Conflict
from opsloop_feedback.sorting.rules import UNTAUGHT, Sorter
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.taxonomy.rules import LEVELS, read_areas, require_tree, spelt
from opsloop_feedback.triage.rules import searchable

PATH = "/v1/taxonomy"
SHOP = [
    ("payments", ["pay", "payment", "credit card", "支付", "付款", "退款"]),
    ("access", ["login", "log in", "password", "two factor code", "登录", "密码", "验证码"]),
    ("reports", ["report", "export", "pdf", "报表", "导出"]),
    ("maps", ["map", "offline map", "地图"]),
]


def about(text: str, areas: list[tuple[str, list[str]]] = SHOP) -> str | None:
    known = read_areas(areas)
    found = known.about(searchable(text)) if known is not None else None
    return None if found is None else found[0]


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("The payment page is slow", "payments"),
        ("I cannot PAY", "payments"),
        ("My Credit Card is not taken", "payments"),
        ("credit and card", None),
        ("credit-card", "payments"),
        ("I paid", None),
        ("repayment", None),
        ("支付很慢", "payments"),
        ("手机支付很慢", "payments"),
        ("退款在哪里看", "payments"),
        ("退還款項", None),
        ("The log in is slow", "access"),
        ("log out, then in", None),
        ("Where is my two-factor code", "access"),
        ("忘了密碼", "access"),
        ("收不到验证码", "access"),
        ("Export as PDF", "reports"),
        ("報表匯出", "reports"),
        ("The offline map", "maps"),
        ("地图不准", "maps"),
        ("用 login 页面", "access"),
        ("hello", None),
        ("", None),
        ("👍", None),
        # most words win, of equals the first by name
        ("export the report of a payment", "reports"),
        ("login and map", "access"),
        ("支付密码和验证码", "access"),
    ],
)
def test_which_area_a_text_is_about(text: str, area: str | None):
    assert about(text) == area


@pytest.mark.parametrize(
    ("word", "spelling"),
    [
        ("Credit Card", "credit card"),
        ("credit-card", "credit card"),
        ("  pay ", "pay"),
        ("報表", "报表"),
        ("支付 宝", "支付宝"),
        ("PDF导出", "pdf导出"),
        ("！", ""),
    ],
)
def test_words_are_spelt_as_texts_are(word: str, spelling: str):
    assert spelt(word) == spelling


def test_the_words_that_were_found_are_told():
    known = read_areas(SHOP)
    assert known is not None
    assert known.about("export the pdf report") == ("reports", ["export", "pdf", "report"])


def test_where_no_area_has_words_nothing_is_looked_for():
    assert read_areas([]) is None
    assert read_areas([("maps", [])]) is None


def test_a_word_of_two_areas_speaks_for_both():
    areas = [("a", ["sync"]), ("b", ["sync", "cloud"])]

    assert about("sync", areas) == "a"
    assert about("cloud sync", areas) == "b"


@given(st.text(max_size=300))
def test_any_text_is_about_one_or_none(text: str):
    assert about(text) in {None, "payments", "access", "reports", "maps"}


@pytest.mark.parametrize("unit", ["支付", "pay ", "a", "地", "x1 "])
def test_the_longest_text_takes_bounded_time(unit: str):
    known = read_areas(SHOP)
    text = (unit * 2_000)[:2_000]
    began = time.process_time()
    assert known is not None
    known.about(text)

    assert time.process_time() - began < 0.1


def test_areas_make_a_tree_of_five_levels():
    ids = [uuid4() for _ in range(LEVELS + 1)]
    chain = dict(zip(ids, [None, *ids], strict=False))

    require_tree({})
    require_tree({area: chain[area] for area in ids[:LEVELS]})
    with pytest.raises(Conflict):
        require_tree(chain)


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_an_area_belongs_never_to_itself(length: int):
    ids = [uuid4() for _ in range(length)]

    with pytest.raises(Conflict):
        require_tree({area: ids[(place + 1) % length] for place, area in enumerate(ids)})


def test_the_sorter_says_by_which_words():
    sorter = Sorter(areas=read_areas(SHOP))
    found = sorter.sort(Submission(body="支付很慢，退款也慢", source="partner"))

    assert found.area == "payments"
    [why] = [why for why in found.document["reasons"] if why["field"] == "area"]
    assert (why["rule"], why["words"]) == ("taxonomy", ["支付", "退款"])
    assert found.document["area"] == "payments"


def test_what_the_sender_names_stays_and_the_title_counts():
    sorter = Sorter(areas=read_areas(SHOP))

    assert sorter.sort(Submission(body="支付很慢", source="partner", area="mine")).area == "mine"
    assert sorter.sort(Submission(body="see picture", title="Login", source="partner")).area == "access"
    assert UNTAUGHT.sort(Submission(body="支付很慢", source="partner")).area is None


# over HTTP


async def make(desk: Any, expect: int = 201, **fields: Any) -> dict[str, Any]:
    answer = await desk.client.post(PATH, json={"name": "Payments"} | fields, headers=desk.agent)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def change(desk: Any, area: dict[str, Any], expect: int = 200, **fields: Any) -> dict[str, Any]:
    answer = await desk.client.patch(f"{PATH}/{area['id']}", json=fields, headers=desk.agent)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def test_a_post_is_about_the_area_whose_words_it_has(desk):
    before = await desk.post(body="支付很慢")
    area = await make(desk, words=["支付", "Payment"])
    after = await desk.post(body="支付很慢")
    other = await desk.post(body="The map is slow")

    assert (before["area"], after["area"], other["area"]) == (None, "Payments", None)
    await change(desk, area, words=["付款"])
    assert (await desk.post(body="支付很慢"))["area"] is None
    assert (await desk.post(body="付款很慢"))["area"] == "Payments"
    assert [item["id"] for item in (await desk.get("/v1/feedback", area="Payments"))["items"]][-1] == after["id"]
    assert (await desk.client.delete(f"{PATH}/{area['id']}", headers=desk.agent)).status_code == 204
    assert (await desk.post(body="付款很慢"))["area"] is None


async def test_a_rule_of_the_team_may_go_by_the_area(desk):
    await make(desk, words=["支付"])
    when = [{"field": "data.area", "op": "eq", "value": "Payments"}]
    rule = {"name": "Payments are severe", "when": when, "set": {"severity": "s2"}}
    await desk.client.post("/v1/triage-rules", json=rule, headers=desk.agent)

    assert (await desk.post(body="支付页面不好看"))["severity"] == "s2"


async def test_areas_belong_to_others_and_are_listed_by_name(desk):
    root = await make(desk, name="Shop")
    leaf = await make(desk, name="Cart", parent_id=root["id"])

    assert [(item["name"], item["parent_id"]) for item in (await desk.get(PATH))["items"]] == [
        ("Cart", root["id"]),
        ("Shop", None),
    ]
    await change(desk, root, expect=409, parent_id=leaf["id"])
    await change(desk, root, expect=422, parent_id=root["id"])
    await change(desk, root, expect=422, parent_id=str(uuid4()))
    assert (await desk.client.delete(f"{PATH}/{root['id']}", headers=desk.agent)).status_code == 409
    assert (await change(desk, leaf, parent_id=None))["parent_id"] is None
    assert (await desk.client.delete(f"{PATH}/{root['id']}", headers=desk.agent)).status_code == 204


async def test_they_are_no_deeper_than_five_levels(desk):
    above = None
    for level in range(LEVELS):
        above = (await make(desk, name=f"level {level}", parent_id=above))["id"]

    await make(desk, expect=409, name="too deep", parent_id=above)


async def test_a_name_is_taken_once_and_there_are_only_so_many(desk, monkeypatch):
    await make(desk)
    await make(desk, expect=409)
    monkeypatch.setattr(limits, "TAXONOMY_AREAS_PER_WORKSPACE", 1)

    assert (await make(desk, expect=409, name="another"))["type"].endswith("too_many")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"words": [""]}, "/words/0"),
        ({"words": ["x" * 61]}, "/words/0"),
        ({"words": ["x"] * 51}, "/words"),
        ({"parent_id": "x"}, "/parent_id"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_what_is_no_area_is_refused_by_its_place(desk, fields, pointer):
    assert pointer in [error["pointer"] for error in (await make(desk, expect=422, **fields))["errors"]]


async def test_nobody_sees_or_sorts_by_another_workspaces_areas(desk):
    area = await make(desk, words=["支付"])
    stranger = await desk.api.key("feedback:read", "feedback:write", workspace="other")

    assert (await desk.client.get(f"{PATH}/{area['id']}", headers=stranger)).status_code == 404
    theirs = await desk.client.post("/v1/feedback", json={"body": "支付很慢"}, headers=stranger)
    assert theirs.json()["area"] is None
    foreign = await desk.client.post(PATH, json={"name": "x", "parent_id": area["id"]}, headers=stranger)
    assert foreign.status_code == 422


async def test_reading_is_not_writing(desk):
    reader = await desk.api.key("feedback:read")

    assert (await desk.client.post(PATH, json={"name": "x"})).status_code == 401
    assert (await desk.client.post(PATH, json={"name": "x"}, headers=reader)).status_code == 403
    assert (await desk.client.get(PATH, headers=reader)).status_code == 200
