import pytest

from opsloop_notifications.letters.rules import with_way_out
from opsloop_notifications.wording.layout import in_frame

pytestmark = pytest.mark.quick
LINK = "https://ops.example/u?token=a&b"


@pytest.mark.parametrize(
    ("locale", "last"),
    [
        (None, "You do not want mails like this one? Unsubscribe: "),
        ("en-GB", "You do not want mails like this one? Unsubscribe: "),
        ("fr", "You do not want mails like this one? Unsubscribe: "),
        ("zh", "不想再收到此类邮件？退订："),
        ("zh-Hans-SG", "不想再收到此类邮件？退订："),
        ("zh-HK", "不想再收到這類郵件？取消訂閱："),
    ],
)
def test_the_last_line_says_how_to_stop_it_in_the_readers_language(locale, last):
    assert with_way_out("Hello\n\n", None, LINK, locale) == (f"Hello\n\n-- \n{last}{LINK}\n", None)


def test_html_says_it_below_its_column_with_the_address_as_data():
    html = in_frame("<p>one</p>", locale="en", subject="s", preheader="p")

    text, shown = with_way_out("one\n", html, LINK, "en")

    assert text.endswith(f"Unsubscribe: {LINK}\n")
    assert shown is not None
    assert 'href="https://ops.example/u?token=a&amp;b">Unsubscribe</a></td>' in shown
    assert shown.index("<p>one</p>") < shown.index("Unsubscribe")


def test_what_cannot_be_left_stays_as_it_is():
    assert with_way_out("one", "<p>one</p>", None, "zh") == ("one", "<p>one</p>")
