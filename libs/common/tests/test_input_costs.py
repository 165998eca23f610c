"""What hostile input may cost, in processor time: a machine that is busy with others does not count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from opsloop_common.conditions import Condition, holds
from opsloop_common.contracts.envelope import Event
from opsloop_common.documents import looked_for_surplus, read_document, surplus
from opsloop_common.errors import BadRequest, Invalid
from opsloop_common.http.body import BodyLimit, require_few
from opsloop_common.http.schemas import InModel, UserId
from opsloop_common.http.strict_json import read_json
from opsloop_common.limits import BATCH_CONTAINERS, BATCH_VALUES, JSON_CONTAINERS, JSON_VALUES, UNKNOWN_NAMES

pytestmark = pytest.mark.measured

MIB = 1024 * 1024


def milliseconds(work: Callable[[], object]) -> float:
    """Return the least processor time of three tries."""
    took = []
    for _ in range(3):
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
    return min(took) * 1000


def refused(raw: bytes, *, containers: int = JSON_CONTAINERS, values: int = JSON_VALUES) -> Callable[[], None]:
    def read() -> None:
        with pytest.raises((Invalid, BadRequest)):
            asyncio.run(require_few(raw, BodyLimit(containers=containers, values=values), workspace="acme"))
            read_json(raw)

    return read


@pytest.mark.parametrize(
    ("raw", "most_ms"),
    [
        (b'{"items":[' + b",".join([b"[]"] * 349_000) + b"]}", 30),
        (b'{"a":"' + b'\\"' * 500_000, 50),
        (b"[" * MIB, 30),
        (b"[" + b",".join([b'""'] * 349_000) + b"]", 30),
        (b"[" + b",".join([b"NaN"] * 49_000) + b"]", 100),
        (b"[" + b",".join([b"[" * 30 + b"]" * 30] * 800) + b",NaN]", 100),
    ],
    ids=["lists", "quotes", "brackets", "texts", "NaN", "nested"],
)
def test_a_refused_mebibyte_is_cheap(raw: bytes, most_ms: float):
    assert milliseconds(refused(raw)) < most_ms


def test_eight_mebibytes_of_lists_are_refused_before_they_are_made():
    raw = b'{"items":[' + b",".join([b"[]"] * 2_790_000) + b"]}"

    # 7.7 s when they were made
    assert milliseconds(refused(raw, containers=BATCH_CONTAINERS, values=BATCH_VALUES)) < 150


def test_eight_honest_mebibytes_of_any_script_are_read():
    raw = ('{"items":[' + ",".join(['{"body":"' + "支付失败，x: " * 450 + '"}'] * 1_000) + "]}").encode()

    # 250 ms when each character of a text was looked at
    assert milliseconds(lambda: read_json(raw)) < 150
    assert surplus(raw, containers=BATCH_CONTAINERS, values=BATCH_VALUES) is None


def test_what_a_text_holds_is_not_counted():
    raw = '{{"body":"{}"}}'.format(r"[{,:\"\\" * 60_000).encode()

    assert surplus(raw, containers=1, values=1) is None
    assert surplus(raw, containers=1, values=0) is not None


def test_eight_mebibytes_are_counted_in_short_steps():
    for raw in (
        b"[" + b"[]," * 2_790_000,
        b'["' + b"\\" * 8 * MIB,
        b"[" + b'"",' * 2_790_000,
        b'["' + b"[{,:" * 2 * MIB,
    ):
        steps = looked_for_surplus(raw, containers=BATCH_CONTAINERS, values=BATCH_VALUES)
        said, longest = None, 0.0
        while said != "done":
            began = time.thread_time()
            said = next(steps, "done")
            longest = max(longest, time.thread_time() - began)

        assert longest < 0.008


class Someone(InModel):
    ids: list[UserId]


def test_errors_are_not_made_for_each_bad_item_and_name():
    with pytest.raises(ValidationError) as of_items:
        Someone.model_validate({"ids": [1] * 100_000})
    with pytest.raises(ValidationError) as of_names:
        Someone.model_validate({"ids": ["u"]} | {f"a{number}": 1 for number in range(20_000)})
    with pytest.raises(ValidationError) as of_few:
        Someone.model_validate({"ids": ["u"]} | {f"a{number}": 1 for number in range(UNKNOWN_NAMES)})
    with pytest.raises(ValidationError) as of_conditions:
        Condition.model_validate({f"a{number}": 1 for number in range(20_000)})

    assert [of_items.value.error_count(), of_names.value.error_count()] == [1, 1]
    assert of_few.value.error_count() == UNKNOWN_NAMES
    assert of_conditions.value.error_count() == 1


def test_a_condition_on_a_long_list_is_cheap():
    condition = Condition(field="data.a", op="contains", value="x")
    document = {"data": {"a": ["y"] * 20_000}}

    assert milliseconds(lambda: holds(condition, document)) < 5


def test_an_event_of_too_much_is_not_built():
    raw = b'{"data":{"a":[' + b",".join([b"[]"] * 150_000) + b"]}}"

    def read() -> None:
        with pytest.raises(ValueError, match="must not hold more"):
            Event.from_bytes(raw)

    assert milliseconds(read) < 30


def test_a_long_number_of_another_program_is_read_quickly():
    assert milliseconds(lambda: read_document('{"a": ' + "9" * 300_000 + "}")) < 30
