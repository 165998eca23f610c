"""Settings: what they may be, and what is said of those that they may not be."""

import pytest

from opsloop_common.settings import BadSettings, Settings
from opsloop_common.testing.http import settings_for_tests

SECRET = "S3cr3tThatNobodyMaySee"


@pytest.mark.parametrize(
    ("name", "value", "is_good"),
    [
        ("cors_origins", "*", True),
        ("cors_origins", "https://a.example, http://127.0.0.1:5173", True),
        ("cors_origins", f"https://a.example,{SECRET}", False),
        ("cors_origins", "https://a.example/", False),
        ("kafka_bootstrap", "a:9092,[::1]:9092", True),
        ("kafka_bootstrap", f"a:{SECRET}", False),
        ("kafka_bootstrap", f"kafka://{SECRET}:9092", False),
        ("public_url", "https://a.example/ops", True),
        ("public_url", f"https://a.example/?{SECRET}", False),
        ("public_url", f"https://a.example/ {SECRET}", False),
        ("otlp_endpoint", f"https://a.example#{SECRET}", False),
        ("smtp_url", SECRET, False),
        ("port", SECRET, False),
    ],
)
def test_lists_and_addresses_are_checked_where_they_are_read(name, value, is_good):
    if is_good:
        Settings(**{name: value})
        return
    with pytest.raises(BadSettings) as refusal:
        Settings(**{name: value})

    assert str(refusal.value).startswith(f"OPSLOOP_{name.upper()}: ")
    assert SECRET not in str(refusal.value)
    assert "Value error" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("instance", None),
        ("public_url", None),
        ("kafka_bootstrap", None),
        ("oidc_issuer", None),
        ("otlp_endpoint", None),
        ("log_format", None),
        ("rate_limit_workspace_per_second", None),
        ("outbound_allow", ""),
        ("cors_origins", ""),
        ("trusted_proxies", ""),
    ],
)
@pytest.mark.parametrize("empty", ["", "  ", "\t", "\u3000"])
def test_an_empty_setting_is_none_where_leaving_it_out_is(name, becomes, empty, monkeypatch):
    monkeypatch.setenv(f"OPSLOOP_{name.upper()}", empty)

    assert getattr(Settings(), name) == becomes


@pytest.mark.parametrize(
    "name",
    [
        "host",
        "port",
        "bus",
        "outbound",
        "log_level",
        "bootstrap_key",
        "secret_key",
        "secret_key_previous",
        "metrics_token",
        "smtp_url",
    ],
)
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_setting_that_would_mean_something_else_is_refused(name, empty, monkeypatch):
    monkeypatch.setenv(f"OPSLOOP_{name.upper()}", empty)

    with pytest.raises(BadSettings, match=f"^OPSLOOP_{name.upper()}: must not be empty; leave it out for the default$"):
        Settings()


@pytest.mark.parametrize("name", ["bootstrap_key", "metrics_token"])
@pytest.mark.parametrize(
    ("value", "is_good"),
    [
        ("0123456789abcdef", True),
        ("~!{}[]|^ with spaces within", True),
        ("运营者的密钥一二三四五六七八九十", False),
        ("clé-secrète-0123456789", False),
        ("0123456789abcdef ", False),
        (" 0123456789abcdef", False),
        ("0123456789\tabcdef", False),
        ("0123456789abcdef\n", False),
    ],
)
def test_what_is_sent_in_a_header_can_be_sent_in_one(name, value, is_good):
    if is_good:
        Settings(**{name: value})
        return
    with pytest.raises(BadSettings, match=f"^OPSLOOP_{name.upper()}: must be printable ASCII") as refusal:
        Settings(**{name: value})

    assert value.strip() not in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "entry"), [("x" * 31, 1), ("x" * 32 + ",", 2), ("x" * 32 + ", short ", 2), ("," + "x" * 32, 1)]
)
def test_each_earlier_key_is_as_long_as_a_key(given, entry):
    with pytest.raises(BadSettings) as refusal:
        Settings(secret_key_previous=given)

    said = f"OPSLOOP_SECRET_KEY_PREVIOUS: entry {entry} must have at least 32 characters"
    assert str(refusal.value) == said


@pytest.mark.parametrize(("name", "least"), [("bootstrap_key", 16), ("secret_key", 32), ("metrics_token", 16)])
def test_a_short_secret_is_told_in_characters_and_not_how_short_it_is(name, least):
    with pytest.raises(BadSettings) as refusal:
        Settings(**{name: "abc"})

    assert str(refusal.value) == f"OPSLOOP_{name.upper()}: must have at least {least} characters"


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        (None, []),
        ("smtp://a", ["smtp://a"]),
        (" smtp://a:25?rate=50 , smtps://b ", ["smtp://a:25?rate=50", "smtps://b"]),
        ("smtp://u:p,w@a,smtps://b", ["smtp://u:p,w@a", "smtps://b"]),
    ],
)
def test_mail_servers_are_divided_where_the_next_address_begins(value, urls):
    assert settings_for_tests(Settings, smtp_url=value).smtp_urls == urls


@pytest.mark.parametrize("url", ["smtp://a?rate=0", "smtp://a?rate=x", "smtp://a?other=1", "smtp://a,b"])
def test_what_is_no_mail_server_is_refused_by_its_number(url):
    with pytest.raises(BadSettings, match="OPSLOOP_SMTP_URL: entry 2 must look like"):
        settings_for_tests(Settings, smtp_url=f"smtp://first,{url}")
