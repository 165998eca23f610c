"""What a message says of its visit: addresses in one spelling, arrivals, places, locales; and nothing that raises."""

import time
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.visits.pages import MAX_PARAMETERS, MAX_PATH, MAX_URL, _read, page_of, parameters_of
from opsloop_metrics.visits.rules import MAX_TEXT, Place, Visit, describe, locale_of

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)


def visit(**given):
    return describe(**{"user_agent": None, "url": None, "referrer": None, "locale": None, "ip": None} | given)


def test_a_visit_is_described():
    assert describe(
        user_agent=CHROME,
        url="https://Shop.Example.com:443/%E4%BB%B7%E6%A0%BC/?utm_source=baidu&utm_medium=cpc&utm_campaign=%E6%98%A5&utm_term=a+b&utm_content=c#x",
        referrer="https://www.baidu.com/link?url=abc",
        locale="zh_cn",
        ip="203.0.113.7",
        country_of={"203.0.113.7": Place("CN", "Zhejiang", "Hangzhou")}.get,
    ) == Visit(
        url="https://Shop.Example.com:443/%E4%BB%B7%E6%A0%BC/?utm_source=baidu&utm_medium=cpc&utm_campaign=%E6%98%A5&utm_term=a+b&utm_content=c#x",
        host="shop.example.com",
        path="/价格",
        referrer="https://www.baidu.com/link?url=abc",
        referrer_host="www.baidu.com",
        channel="paid_search",
        utm_source="baidu",
        utm_medium="cpc",
        utm_campaign="春",
        utm_term="a b",
        utm_content="c",
        browser="Chrome",
        browser_version="141.0",
        os="Windows",
        device="desktop",
        country="CN",
        region="Zhejiang",
        city="Hangzhou",
        locale="zh-CN",
    )


def test_of_a_servers_message_nothing_is_known():
    assert visit() == Visit()


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://example.com", "example.com", "/"),
        ("https://example.com/", "example.com", "/"),
        ("https://example.com/a/", "example.com", "/a"),
        ("https://example.com/a//?q=1#top", "example.com", "/a"),
        ("HTTPS://EXAMPLE.COM/A", "example.com", "/A"),
        ("https://example.com.:8443/a", "example.com", "/a"),
        ("https://partner:secret@example.com/a", "example.com", "/a"),
        ("//example.com/a", "example.com", "/a"),
        ("example.com/a?b=c", "example.com", "/a"),
        ("example.com", "example.com", "/"),
        ("localhost:3000/a", "localhost", "/a"),
        ("/a/b/?c", "", "/a/b"),
        ("  https://example.com/a\n", "example.com", "/a"),
        ("https://例子.中国/价格", "例子.中国", "/价格"),
        ("https://xn--fsqu00a.xn--fiqs8s/%E4%BB%B7%E6%A0%BC", "例子.中国", "/价格"),
        ("https://xn--a.example/", "xn--a.example", "/"),
        ("https://example.com/%FF%FE", "example.com", "/%FF%FE"),
        ("https://example.com/a%00b", "example.com", "/a%00b"),
        ("https://example.com/100%", "example.com", "/100%"),
        ("https://[2001:db8::1]:80/a", "2001:db8::1", "/a"),
        ("https://[/a", "", ""),
        ("android-app://com.tencent.mm/", "com.tencent.mm", "/"),
        ("capacitor://localhost/index", "localhost", "/index"),
        ("about:blank", "", ""),
        ("data:text/html,a", "", ""),
        ("javascript:void(0)", "", ""),
        ("你好", "", ""),
        ("", "", ""),
        (None, "", ""),
        ("https://" + "a" * 300 + ".com/a", "", "/a"),
        ("https://example.com/" + "a" * 2_000, "example.com", "/" + "a" * (MAX_PATH - 1)),
    ],
)
def test_an_address_has_one_spelling(url, host, path):
    page = page_of(url)

    assert (page.host, page.path) == (host, path)


@pytest.mark.parametrize(
    ("url", "is_test"),
    [
        ("http://localhost:3000/", True),
        ("localhost", True),
        ("http://app.localhost/", True),
        ("http://127.0.0.1:8080/", True),
        ("http://127.8.0.1/", True),
        ("http://0.0.0.0/", True),
        ("http://[::1]:8080/", True),
        ("http://printer.local/", True),
        ("https://shop.test/", True),
        ("https://latest.example.com/", False),
        ("https://test.example.com/", False),
        ("https://mylocal/", False),
        ("https://127.0.0.1.example.com/", False),
        ("capacitor://localhost/", False),  # an app's own pages
        ("ionic://localhost/", False),
        ("/a", False),
        (None, False),
    ],
)
def test_a_developers_machine_is_test_traffic(url, is_test):
    assert visit(url=url).is_test is is_test


@pytest.mark.parametrize(
    ("url", "referrer", "own_hosts", "channel"),
    [
        ("https://example.com/", None, (), "direct"),
        ("https://example.com/", "", (), "direct"),
        ("https://example.com/", "$direct", (), "direct"),
        ("https://example.com/", "null", (), "direct"),
        ("https://example.com/", "about:blank", (), "direct"),
        ("https://example.com/", "https://www.google.com/", (), "organic_search"),
        ("https://example.com/", "google.com", (), "organic_search"),
        ("/", "android-app://com.tencent.mm/", (), "organic_social"),
        (None, "https://chatgpt.com/", (), "ai_assistant"),
        ("https://example.com/?gclid=a", None, (), "paid_search"),
        ("https://example.com/?gclid=", None, (), "direct"),
        ("https://example.com/?GCLID=a", None, (), "paid_search"),
        ("https://example.com/?fbclid=a", None, (), "organic_social"),
        ("/?utm_source=weixin", None, (), "organic_social"),
        # within the site nobody arrives
        ("https://example.com/b", "https://example.com/a", (), ""),
        ("https://example.com/b", "https://www.example.com/a", (), ""),
        ("https://www.example.com/b", "https://example.com/a", (), ""),
        ("https://example.com/b", "https://pay.example.com/a", (), ""),
        ("https://example.com/b", "https://example.org/a", ("example.org",), ""),
        ("https://example.com/b", "https://pay.example.org/a", ("example.org",), ""),
        ("https://example.com/b", "https://myexample.com/a", (), "referral"),
        ("https://shop.example.com/b", "https://example.com/a", (), "referral"),
        ("/b", "https://example.org/a", ("",), "referral"),
        # but by a link that names a campaign
        ("https://example.com/b?utm_source=crm&utm_medium=email", "https://example.com/a", (), "email"),
        ("https://example.com/b?gclid=a", "https://example.com/a", (), "paid_search"),
        (None, None, (), ""),
    ],
)
def test_an_arrival_has_a_channel(url, referrer, own_hosts, channel):
    assert visit(url=url, referrer=referrer, own_hosts=own_hosts).channel == channel


def test_a_browser_client_that_hides_what_it_is_is_a_bot_and_a_server_is_none():
    assert visit(user_agent="").is_bot
    assert visit(user_agent="curl/8.5.0").is_bot is False
    assert visit(user_agent=None).is_bot is False


def test_what_no_page_links_from_is_no_referrer():
    assert visit(referrer="$direct") == Visit()
    assert visit(referrer="https://example.org/a").referrer == "https://example.org/a"


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("", {}),
        ("a=1&a=2", {"a": "1"}),
        ("A=1", {"a": "1"}),
        ("a=&a=2&b", {"a": "2"}),
        ("a=%E4%B8%AD+b", {"a": "中 b"}),
        ("a=%FF", {"a": "\ufffd"}),
        ("a=%00", {"a": "\ufffd"}),
        ("a=b;c=d", {"a": "b;c=d"}),
    ],
)
def test_of_each_parameter_the_first_counts(query, parameters):
    assert parameters_of(query) == parameters


def test_what_a_link_says_is_bounded():
    many = "&".join(f"a{place}=1" for place in range(MAX_PARAMETERS))

    assert len(parameters_of(many + "&b=1")) == MAX_PARAMETERS
    assert len(visit(url="/?utm_source=" + "x" * 1_000).utm_source) == MAX_TEXT
    assert len(visit(url="https://example.com/" + "x" * 9_000).url) == MAX_URL
    assert len(visit(referrer="https://example.com/" + "x" * 9_000).referrer) == MAX_URL


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("zh-CN", "zh-CN"),
        ("zh_CN", "zh-CN"),
        ("ZH-cn", "zh-CN"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("zh_Hant_HK", "zh-Hant-HK"),
        ("zh_CN.UTF-8", "zh-CN"),
        ("en", "en"),
        ("en-US,en;q=0.9", "en-US"),
        ("es-419", "es-419"),
        ("en-US-u-ca-gregory", "en-US"),
        ("de@euro", "de"),
        (" fr-FR ", "fr-FR"),
        ("zho", "zho"),
        ("english", ""),
        ("C", ""),
        ("*", ""),
        ("中文", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_locale_is_written_one_way(text, locale):
    assert locale_of(text) == locale


def test_who_knows_no_place_leaves_it_open():
    asked = []

    assert visit(ip="203.0.113.7", country_of=asked.append).country == ""
    assert visit(ip=None, country_of=asked.append).country == ""
    assert asked == ["203.0.113.7"]


ANYTHING = (
    st.none()
    | st.text(max_size=300)
    | st.from_regex(r"(https?://)?[a-z0-9.\[\]@:%-]{0,40}(/[^ ]{0,40})?(\?[^ ]{0,60})?")
)


@given(user_agent=st.none() | st.text(max_size=60), url=ANYTHING, referrer=ANYTHING, locale=ANYTHING, ip=ANYTHING)
def test_nothing_that_a_client_sends_raises(user_agent, url, referrer, locale, ip):
    said = describe(user_agent=user_agent, url=url, referrer=referrer, locale=locale, ip=ip)

    for field in fields(said):
        value = getattr(said, field.name)
        assert isinstance(value, bool) or (isinstance(value, str) and "\x00" not in value)
        assert isinstance(value, bool) or value.encode() is not None  # no lone surrogates, which no store takes


@given(st.text(alphabet="abc/%.?#&=中", max_size=40))
def test_the_same_page_has_the_same_path_with_and_without_a_slash(rest):
    path = rest.partition("?")[0].partition("#")[0]

    assert page_of(f"https://example.com/{path}").path == page_of(f"https://example.com/{path}/").path


@pytest.mark.measured
@pytest.mark.parametrize(
    "text",
    [
        "https://" + "a." * 4_000 + "com", "https://xn--" + "a." * 60 + "xn--b", "a." * 4_000, "a-" * 4_000, "xn--" * 2_000,
        "https://a.b/?" + "&" * 8_000, "https://a.b/?" + "a=b&" * 2_000, "https://a.b/" + "%E4%B8%AD" * 900, "[" * 8_000,
        "a.b?utm_medium=" + "cpc" * 70, "a.b?utm_campaign=" + "shop" * 50, "a.b?utm_source=" + "a." * 100, "中" * 8_000,
    ],
)  # fmt: skip
def test_no_address_is_slow(text):
    def seconds():
        _read.cache_clear()
        start = time.thread_time()
        visit(url=text, referrer=text, locale=text)
        return time.thread_time() - start

    assert min(seconds() for _ in range(5)) < 0.003  # seconds; 0.6 ms at most where it was measured
