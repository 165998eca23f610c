"""What a message says of how a person is reached, and whose word counts."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from opsloop_metrics.capture.rules import Heard, Message, MessageKind
from opsloop_metrics.contacts.rules import Means, newest

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)
PERSON = UUID(int=1)


def heard(traits, *, user="u1", seconds=0, is_server=True, is_identified=True, **fields):
    message = Message(MessageKind.IDENTIFY, "$identify", user, is_identified=is_identified, traits_set=traits, **fields)
    return Heard(message, AT + timedelta(seconds=seconds), is_server, "key:1")


def read(*block, person=PERSON):
    return {key: said.value for key, said in newest((each, person) for each in block).items()}


def of(email=None, locale=None, name=None, user="u1"):
    said = {(user, Means.EMAIL): email, (user, Means.LOCALE): locale, (user, Means.NAME): name}
    return {key: value for key, value in said.items() if value is not None}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({"email": "a@example.test"}, of("a@example.test")),
        ({"$email": " a@example.test "}, of("a@example.test")),
        ({"邮箱": "用户@例子.测试"}, of("用户@例子.测试")),
        ({"email": "not one", "$email": "a@example.test"}, of("a@example.test")),
        ({"email": "a@b, c@d"}, {}),
        ({"email": "Name <a@example.test>"}, {}),
        ({"email": "a@example.test\r\nBcc: b@example.test"}, {}),
        ({"email": "x" * 300 + "@example.test"}, {}),
        ({"email": 7, "locale": ["en"]}, {}),
        ({"email": None, "locale": None}, {}),
        ({"email": ""}, {}),
        ({"locale": "zh_CN"}, of(locale="zh-CN")),
        ({"language": "zh_CN.UTF-8"}, of(locale="zh-CN")),
        ({"locale": "中文"}, {}),
        ({"locale": "en" + "-x" * 40}, {}),
        ({"locale": "e" * 100_000}, {}),
        ({"phone": "+49 30 1234567", "time_zone": "Asia/Shanghai", "plan": "pro"}, {}),
        ({"email": "a@example.test", "locale": "en"}, of("a@example.test", "en")),
        ({"name": " 小明 "}, of(name="小明")),
        ({"name": "", "$name": "First Last"}, of(name="First Last")),
        ({"姓名": "小明"}, of(name="小明")),
        ({"name": "n" * 201}, {}),
        ({"name": "Evil\r\nBcc: b@example.test"}, {}),
        ({"name": "\u200b"}, {}),
        ({"name": ["First"]}, {}),
    ],
)
def test_what_traits_say(traits, expected):
    assert read(heard(traits)) == expected


@pytest.mark.parametrize(
    "options",
    [{"is_server": False}, {"is_identified": False}, {"user": "anonymous"}, {"user": "null"}],
    ids=["a key that stands in a page", "an anonymous id", "nobody", "nobody either"],
)
def test_whose_word_does_not_count(options):
    assert read(heard({"email": "a@example.test"}, **options)) == {}


def test_a_refused_message_says_nothing():
    assert read(heard({"email": "a@example.test"}), person=None) == {}


def test_what_is_set_once_is_no_new_address():
    assert read(heard({}, traits_set_once={"email": "a@example.test"})) == {}


def test_the_last_word_counts_for_each_means_and_user():
    block = [
        heard({"email": "new@example.test"}, seconds=9),
        heard({"email": "old@example.test", "locale": "en"}, seconds=1),
        heard({"email": "v@example.test"}, user="v", seconds=1),
        heard({"email": "w@example.test"}, user="v", seconds=1),  # of one moment the later
    ]
    assert read(*block) == of("new@example.test", "en") | of("w@example.test", user="v")


def test_what_is_said_is_of_the_user_id_that_was_spoken_and_of_its_time():
    [said] = newest([(heard({"email": "a@example.test"}, user="用户", seconds=5), PERSON)]).values()

    assert (said.user_id, said.means, said.at) == ("用户", Means.EMAIL, AT + timedelta(seconds=5))
