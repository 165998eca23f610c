"""Scenarios 3 to 5: what is alike in two languages, what is merged and parted again, what triage makes of a post."""

from __future__ import annotations

import asyncio
from itertools import product
from time import perf_counter
from typing import Any

from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver
from opsloop_feedback.app import SERVICE
from opsloop_feedback.arrivals.consumers import ARRIVALS
from services.feedback.tests.test_learning import correct, hear, learn, stale
from services.feedback.tests.test_mail_in import Post, mail
from services.feedback.tests.test_previews import preview
from services.feedback.tests.test_routing_rules import hands

IDEAS = 5_000
ALIKE = ("希望支持导出报表为 Excel", "Export report to XLSX")
OTHERWISE = ("不想再导出报表", "导出 PDF")
LONG = "希望在报表页面增加一个按钮，能够把当前筛选条件下的全部数据一次性导出成表格文件，并且可以选择需要的列和时间范围，谢谢大家"
WISHES = (
    "希望支持{}{}",
    "{}{}能不能做一下",
    "请增加{}{}的功能",
    "Please add {} for {}",
    "It would be nice to have {} of {}",
)
THINGS = (
    "深色模式",
    "日历",
    "地图",
    "订单",
    "优惠券",
    "收藏夹",
    "会员",
    "消息",
    "dark mode",
    "calendar",
    "offline maps",
    "coupons",
)
PLACES = (
    "首页",
    "手机端",
    "平板",
    "后台",
    "搜索页",
    "设置",
    "the home page",
    "tablets",
    "search",
    "settings",
    "teams",
    "guests",
)
DETAILS = ("按周", "按城市", "按部门", "给老人", "weekly", "by city", "in bulk", "for beginners")


def ideas() -> list[str]:
    """Return wishes in both languages, no two the same."""
    made = [
        f"{wish.format(thing, place)} {detail}"
        for wish, thing, place, detail in product(WISHES, THINGS, PLACES, DETAILS)
    ]
    return [*made[: IDEAS - len(ALIKE) - len(OTHERWISE) - 1], *ALIKE, *OTHERWISE, "报表排版"]


async def heard(desk: Any) -> None:
    """Read what came in into the index."""
    await deliver(desk.api.db, ARRIVALS, *await desk.api.events())
    desk.api.clock.advance(10)
    await run_due(desk.api.db, SERVICE.due)


async def test_3_among_5_000_ideas_the_same_wish_is_found_in_both_languages_and_what_says_otherwise_is_not(desk):
    texts = ideas()
    assert len(set(texts)) == IDEAS
    for start in range(0, IDEAS, 1_000):
        rows = [
            {"body": text, "kind": "idea", "external_id": str(start + at)}
            for at, text in enumerate(texts[start : start + 1_000])
        ]
        answer = await desk.client.post("/v1/feedback:batch", json={"items": rows}, headers=desk.agent)
        assert {row["status"] for row in answer.json()["items"]} == {"created"}
    await heard(desk)
    await desk.get("/v1/similar", text="dark mode")  # a first question opens connections

    took = []
    for _ in range(5):
        began = perf_counter()
        found = (await desk.get("/v1/similar", text="报表能不能导出成excel", limit=20))["items"]
        took.append((perf_counter() - began) * 1000)
    rank = {one["excerpt"]: at for at, one in enumerate(found)}
    assert max(rank[text] for text in ALIKE) < 5
    assert all(found[rank[text]]["shared"] for text in ALIKE)
    assert all(rank.get(text, len(found)) > max(rank[alike] for alike in ALIKE) for text in OTHERWISE)
    assert min(took) < 200
    for query in ("导出", "导出报表", "報表匯出"):
        bodies = [one["feedback"]["body"] for one in (await desk.get("/v1/search", q=query))["items"]]
        assert set(ALIKE) <= set(bodies), query
    assert len(LONG) == 60
    assert (await desk.post(title=LONG, kind="idea"))["title"] == LONG
    print(f"3 {IDEAS} ideas, the same wish at {[rank[text] + 1 for text in ALIKE]}, in {min(took):.0f} ms")


USERS = (range(1, 11), range(6, 13), range(11, 16), range(14, 19))
"""10, 7, 5 and 5 people, 18 in all."""


async def ask(desk: Any, path: str, body: Any = None, expect: int = 200) -> Any:
    answer = await desk.client.post(path, json=body, headers=desk.agent)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def affected(desk: Any, ids: list[str]) -> list[int]:
    return [(await desk.get(f"/v1/feedback/{id}"))["affected_users"] for id in ids]


async def group(desk: Any, users: range) -> str:
    """Return a post that stands for those of all of them."""
    head, *members = [
        (await desk.post(body=f"闪退 {number} {users.start}", author={"user_id": f"u{number}"}))["id"]
        for number in users
    ]
    for member in members:
        await ask(desk, f"/v1/feedback/{member}/merge", {"into": head})
    return str(head)


async def test_4_four_are_merged_answered_and_parted_again_and_nobody_is_counted_twice_or_lost(desk_by_mail: Post):
    desk = desk_by_mail
    heads = [await group(desk, users) for users in USERS]
    by_mail = (await desk.bring(mail()))["feedback_id"]
    watching, into = heads[1], heads[0]
    watchers = f"/v1/feedback/{watching}/watchers"
    await desk.client.put(watchers, json={"user_ids": ["ann"]}, headers=desk.agent)
    note = await ask(desk, f"/v1/feedback/{watching}/messages", {"kind": "note", "body": "看过了"}, 201)
    before = await affected(desk, heads)
    assert before == [10, 7, 5, 5]

    for head in (*heads[1:], by_mail):
        await ask(desk, f"/v1/feedback/{head}/merge", {"into": into})
    answer = await desk.bring(mail("还是闪退", id="2@x", in_reply_to="<1@x>"))

    assert await affected(desk, [into]) == [18 + 1]
    assert (answer["outcome"], answer["feedback_id"]) == ("message", into)
    assert [each["body"] for each in (await desk.get(f"/v1/feedback/{into}/messages"))["items"]] == ["还是闪退"]
    for head in (*heads[1:], by_mail):
        assert (await desk.get(f"/v1/feedback/{head}"))["merged_into_id"] == into
    assert [each["id"] for each in (await desk.get(f"/v1/feedback/{watching}/messages"))["items"]] == [note["id"]]
    assert [each["user_id"] for each in (await desk.get(watchers))["items"]] == ["ann"]
    for head in (*heads[1:], by_mail):
        await ask(desk, f"/v1/feedback/{head}/unmerge")
    assert await affected(desk, heads) == before
    types = await desk.types()
    members = sum(len(users) - 1 for users in USERS)
    assert (types.count("feedback.merged"), types.count("feedback.unmerged")) == (members + 4, 4)
    actions = [each["action"] for each in (await desk.get("/v1/audit", limit=200))["items"]]
    assert (actions.count("feedback.merged"), actions.count("feedback.unmerged")) == (members + 4, 4)
    print(f"4 affected {before}, together 18 and who wrote by mail, apart {await affected(desk, heads)}")


async def test_4_of_two_that_merge_each_other_at_once_one_is_right_and_there_are_no_chains(desk):
    seen = []
    for _ in range(10):
        one, other, third = [(await desk.post(author={"user_id": name}))["id"] for name in ("u1", "u2", "u3")]
        answers = await asyncio.gather(
            *(
                desk.client.post(f"/v1/feedback/{a}/merge", json={"into": b}, headers=desk.agent)
                for a, b in ((one, other), (other, one))
            )
        )
        seen.append(sorted(answer.status_code for answer in answers))
        [merged] = [id for id in (one, other) if (await desk.get(f"/v1/feedback/{id}"))["status"] == "merged"]
        await ask(desk, f"/v1/feedback/{third}/merge", {"into": merged}, 409)

    assert seen == [[200, 409]] * 10


VIP = [
    {"field": "data.attributes.tier", "op": "eq", "value": "vip"},
    {"field": "data.attributes.version", "op": "eq", "value": "5.2"},
]
PAYING = [{"field": "data.body", "op": "contains", "value": "支付"}]
SAID = {
    "body": "支付失败, 扣款两次",
    "attributes": {"tier": "vip", "version": "5.2"},
    "author": {"user_id": "vip-wang"},
}


async def test_5_a_vip_whose_payment_fails_is_sorted_given_to_a_team_and_told_why(clockwork):
    desk = clockwork.desk
    decides = {"kind": "bug", "severity": "s1", "area": "payments", "add_tags": ["vip"]}
    rule = {"name": "Payments of VIPs", "when": VIP, "set": decides, "position": 1}
    made = await clockwork.make("/v1/triage-rules", rule)
    teams = [await clockwork.make("/v1/teams", {"name": name}) for name in ("Payments", "First line")]
    for position, (team, when) in enumerate(zip(teams, (PAYING, []), strict=True), start=1):
        given = {"name": team["name"], "team_id": team["id"], "position": position, "when": when}
        await clockwork.make("/v1/routing-rules", given)

    path, other = await clockwork.post(**SAID), await clockwork.post(body="页面排版有点乱")

    post = await desk.get(path)
    assert (post["kind"], post["severity"], post["area"], post["tags"]) == ("bug", "s1", "payments", ["vip"])
    assert post["sentiment"] <= -0.8
    assert [(await hands(clockwork, each))[0] for each in (path, other)] == ["Payments", "First line"]
    reasons = {reason["field"]: reason for reason in post["triage"]["reasons"]}
    assert "Payments of VIPs" in str(post["triage"])
    assert any("支付" in word for reason in post["triage"]["reasons"] for word in reason["words"]), reasons
    moved = await preview(desk, replaces=made["id"], **rule | {"set": decides | {"area": "billing"}})
    assert (moved["looked_at"], moved["moved"], moved["fields"]["area"]) == (2, 1, 1)
    assert (await desk.get(path))["area"] == "payments"


async def test_5_after_thirty_alike_corrections_the_next_is_right(desk):
    await correct(desk, 30, kind="bug", severity="s2", area="guide")
    before = await desk.get("/v1/triage-models")
    desk.api.clock.advance(60)
    await learn(desk)
    desk.api.clock.advance(5)

    found = await desk.post(body=stale(31).replace("guide", "brochure"))

    assert before["items"] == []
    assert (found["kind"], found["severity"], found["area"]) == ("bug", "s2", "guide")
    corrections = (await desk.get("/v1/triage-corrections", limit=200))["items"]
    assert len(corrections) == 90
    await hear(desk)
    assert len((await desk.get("/v1/triage-corrections", limit=200))["items"]) == 90, "heard twice is once"
