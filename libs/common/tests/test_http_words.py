"""What may not stand in a body or an address is told in words, with the nearest that may."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from opsloop_common.errors import FieldError
from opsloop_common.http.refusals import field_error
from opsloop_common.http.rows import faults_of
from opsloop_common.http.schemas import Duration, Locale, Slug, at_field, in_words, plain_text
from opsloop_common.testing.sample.service import SAMPLE

COLOUR = Annotated[str, *in_words("^[a-z]{3,6}$", "must be a colour", longest=6, like=str.lower, examples=("red",))]


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


def refusal(shape, value):
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(shape).validate_python(value)
    [item] = refused.value.errors()
    return field_error(item | {"loc": ("body", "field")}, {"field": value}).detail


@pytest.mark.parametrize(
    ("shape", "given", "words"),
    [
        (COLOUR, "RED", "must be a colour; did you mean red?"),
        (COLOUR, " Blue\u200b", "must be a colour; did you mean blue?"),
        (COLOUR, "no colour", "must be a colour"),
        (COLOUR, "red\n", "must be a colour; did you mean red?"),
        (Slug, "Acme Shop", "must be lower-case letters, digits and hyphens, up to 63; did you mean acme-shop?"),
        (Slug, "支付", "must be lower-case letters, digits and hyphens, up to 63"),
        (Slug, "a" * 64, "must be lower-case letters, digits and hyphens, up to 63"),
        (Locale, "pt_BR@euro", "must be a BCP 47 language tag such as zh-CN; did you mean pt-BR?"),
    ],
)
def test_a_text_that_does_not_fit_is_refused_in_words(shape, given, words):
    assert refusal(shape, given) == words


WEEK = Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=7))]


@pytest.mark.parametrize(
    ("shape", "given", "words"),
    [
        (WEEK, "P30D", "Input should be less than or equal to P7D"),
        (WEEK, "PT1S", "Input should be greater than or equal to PT1M"),
        (Annotated[list[int], Field(min_length=1)], [], "must have at least 1 item"),
        (Annotated[list[int], Field(max_length=2)], [1, 2, 3], "must have at most 2 items"),
        (Annotated[set[int], Field(max_length=1)], [1, 2, 3], "must have at most 1 item"),
        (Annotated[dict[str, int], Field(min_length=2)], {}, "must have at least 2 items"),
    ],
)
def test_no_names_and_no_counting_of_pythons_are_told(shape, given, words):
    assert refusal(shape, given) == words


class Pair(BaseModel):
    low: int
    high: int

    @model_validator(mode="after")
    def _in_order(self):
        if self.high < self.low:
            raise at_field("high", "must not be below {low}")
        return self


def test_a_rule_over_several_fields_points_at_the_one_that_it_means():
    with pytest.raises(ValidationError) as refused:
        Pair(low=2, high=1)
    [item] = refused.value.errors()

    found = field_error(item | {"loc": ("body", "pairs", 0)}, {"pairs": [{"low": 2, "high": 1}]})
    assert (found.pointer, found.detail) == ("/pairs/0/high", "must not be below {low}")
    assert faults_of(refused.value) == (FieldError("/high", "must not be below {low}"),)


def test_machines_are_told_the_pattern():
    assert TypeAdapter(COLOUR).json_schema() == {
        "type": "string",
        "maxLength": 6,
        "pattern": "^[a-z]{3,6}$",
        "examples": ["red"],
    }
    assert TypeAdapter(COLOUR).validate_python("red") == "red"


@pytest.mark.parametrize("shape", [COLOUR, Slug, Locale])
@pytest.mark.parametrize("piece", ["a", "a-", "支", "_", "@", "\u200b"])
def test_a_long_text_is_refused_in_no_time(shape, piece):
    began = time.thread_time()

    assert len(refusal(shape, piece * 200_000)) < 200
    assert time.thread_time() - began < 0.1


@pytest.mark.parametrize("text", ["kg", "元", "m²", "°C", "e\u0301"])
def test_a_plain_text_is_taken_as_it_came(text):
    assert plain_text(text) == text


@pytest.mark.parametrize("text", ["\u202e%", "k\u200bg", "\ufeffs", "m\u2066"])
def test_a_text_with_what_nobody_sees_is_refused_and_shown(text):
    with pytest.raises(ValueError, match=re.escape("<U+")):
        plain_text(text)


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        ({"time_zone": "localtime"}, ("Asia/Shanghai",)),
        ({"time_zone": "posixrules"}, ("Asia/Shanghai",)),
        ({"time_zone": "Factory"}, ("Asia/Shanghai",)),
        ({"time_zone": "asia/shanghai"}, ("did you mean Asia/Shanghai?",)),
        ({"time_zone": "Europe/Berln\u200b"}, ("did you mean Europe/Berlin?",)),
        ({"time_zone": "x" * 10_000}, ("Asia/Shanghai",)),
        ({"locale": "zh_CN"}, ("must be a BCP 47 language tag such as zh-CN; did you mean zh-CN?",)),
        ({"locale": "de_DE.UTF-8"}, ("did you mean de-DE?",)),
        ({"locale": "中文"}, ("must be a BCP 47 language tag such as zh-CN",)),
        ({"week_start": "Sunday"}, ("must be one of monday, sunday, saturday; did you mean sunday?",)),
    ],
)
async def test_what_a_setting_may_be_is_told_in_words_with_the_nearest(sample, change, ends):
    answer = await sample.client.patch("/v1/workspace", json=change, headers=await sample.key("sample:admin"))

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == f"/{next(iter(change))}"
    assert error["detail"].endswith(ends)
    assert "^" not in error["detail"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("limit=1&limit=2", ["limit"]),
        ("limit=1&limit=1", ["limit"]),
        ("action=a&action=b&limit=1&limit=2", ["action", "limit"]),
        ("limits=1&limit=1&limit=2", ["limits"]),
    ],
)
async def test_a_parameter_that_takes_one_value_is_given_once(sample, query, names):
    answer = await sample.client.get(f"/v1/audit?{query}", headers=await sample.key("sample:admin"))

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/query/{name}" for name in names]


@pytest.mark.parametrize(
    ("loc", "pointer"),
    [
        # the branch of a union may be called like a field that lies beside the one that is meant
        (("formula", "of"), "/measure/of"),
        (("formula", "formula"), "/measure/formula"),
        (("other", "of"), "/measure/of"),
        (("formula", "str"), "/measure/formula"),
    ],
)
def test_a_branch_that_is_called_like_a_field_is_not_taken_for_it(loc, pointer):
    body = {"measure": {"type": "formula", "formula": "a", "of": 1}}
    item = {"type": "dict_type", "loc": ("body", "measure", *loc), "msg": "Input should be an object", "input": 1}

    assert field_error(item, body).pointer == pointer
