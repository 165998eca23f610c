"""Rows without a name of their own: the same again count once in any file, and two of one file that say the same count twice."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from sqlalchemy import text

from opsloop_common import failpoints
from opsloop_common.db import Context
from opsloop_metrics.capture.rules import Message, MessageKind, Problem, Reason
from opsloop_metrics.event_imports import rules, service
from services.metrics.tests.event_imports import HEAD, JSONL, PATH, WHEN, counts, imports, rows

__all__ = ["imports"]
A, B = "import:" + "00" * 15 + "01", "import:" + "ff" * 16
SAME = f"Seen,{WHEN},u1,1\n"


def said(message_id):
    return Message(MessageKind.TRACK, "E", "u1", message_id=message_id)


@pytest.mark.quick
def test_equal_rows_have_numbers_and_the_first_is_called_by_what_it_says():
    """A came twice before: here it is the third and fourth. B is the first of its kind, m names itself."""
    refused = Problem(4, Reason.BAD_TIME, "time", None)
    read = [said(A), said("m"), said(B), refused, said(A), said("m")]

    told, new = rules.numbered(read, {rules.key_of(said(A)): 2})

    assert [each.message_id for each in told if each is not refused] == [f"{A}:3", "m", B, f"{A}:4", "m"]
    assert new == Counter({rules.key_of(said(A)): 2, rules.key_of(said(B)): 1})


@pytest.mark.quick
def test_keys_are_what_a_bigint_holds():
    keys = [rules.key_of(said("import:" + each * 32)) for each in "07f8"]
    assert all(-(2**63) <= key < 2**63 for key in keys)
    assert (len(set(keys)), rules.key_of(said("m")), rules.key_of(said(None))) == (4, None, None)


async def test_of_a_corrected_file_only_the_corrected_rows_are_new(imports):
    first = await imports.run(rows(5) + "Paid,never,u9,\n")
    second = await imports.run(rows(5) + f"Paid,{WHEN},u9,\n")

    assert (counts(first)["stored"], counts(first)["refused"]) == (5, 1)
    assert counts(second) == {"rows": 6, "stored": 1, "known": 5, "refused": 0}
    assert await imports.count() == 6


async def test_in_another_order_of_rows_and_columns_and_in_another_format(imports):
    await imports.run(f"event,time,user_id,plan,n\nA,{WHEN},u1,pro,1\nB,{WHEN},u2,专业版,2\n")

    turned = await imports.run(f"n;plan;user_id;event;time\n2;专业版;u2;B;{WHEN}\n1;pro;u1;A;{WHEN}\n")
    row = {"user_id": "u1", "n": 1.0, "event": "A", "plan": "pro", "time": "2020-05-06T15:08:09+08:00"}
    lines = await imports.run(json.dumps(row), kind=JSONL)

    assert (turned["known"], lines["known"], await imports.count()) == (2, 1, 2)


async def test_equal_rows_of_a_file_count_each_and_again_only_what_is_more(imports):
    """Twice in the first file, three times in the second, elsewhere in it: one is new. Once in the third: it is known."""
    first = await imports.run(HEAD + SAME * 2)
    second = await imports.run(rows(3) + SAME + rows(1, user="k").removeprefix(HEAD) + SAME * 2)
    third = await imports.run(HEAD + SAME)

    assert [(each["stored"], each["known"]) for each in (first, second, third)] == [(2, 0), (5, 2), (0, 1)]
    assert await imports.count() == 7


@pytest.mark.parametrize("block", [1, 2, 3, 7])
async def test_where_blocks_end_makes_no_difference(imports, monkeypatch, block):
    monkeypatch.setattr(service, "BLOCK_ROWS", block)
    shown = await imports.run(HEAD + SAME * 3 + rows(2).removeprefix(HEAD) + SAME * 2)
    again = await imports.run(rows(2) + SAME * 6)

    assert (shown["stored"], again["stored"], again["known"]) == (7, 1, 7)


@pytest.mark.parametrize("place", ["metrics.import_stored", "metrics.import_noted"])
async def test_what_dies_halfway_numbers_its_rows_as_before(imports, monkeypatch, place):
    monkeypatch.setattr(service, "BLOCK_ROWS", 2)
    made = await imports.upload(HEAD + SAME * 7)
    await imports.fail_at(monkeypatch, place, times=3)
    await imports.tick()

    assert (await imports.shown(made["id"]))["stored"] == 7
    assert await imports.count() == 7


async def noted(imports):
    async with imports.world.api.db.transaction(Context("acme")) as session:
        return (await session.execute(text("SELECT count(*) FROM event_import_row"))).scalar_one()


async def test_what_is_noted_of_rows_goes_with_the_file(imports, monkeypatch):
    monkeypatch.setattr(service, "BLOCK_ROWS", 2)
    await imports.run(rows(3))
    assert await noted(imports) == 0
    made = await imports.upload(rows(3, user="k"))
    monkeypatch.setenv(failpoints.VARIABLE, "metrics.import_noted:raise:1")
    with pytest.raises(failpoints.Struck):
        await imports.tick()
    assert await noted(imports) == 2
    await imports.send("POST", f"{PATH}/{made['id']}/cancel", expect=200)
    assert await noted(imports) == 0
