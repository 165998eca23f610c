"""Settings: what they may be, and what is said of those that they may not be."""

import pytest

from opsloop_common.settings import BadSettings, Settings

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


@pytest.mark.parametrize(("name", "least"), [("secret_key", 32), ("bootstrap_key", 16), ("metrics_token", 16)])
@pytest.mark.parametrize("given", ["", "short", "支" * 5])
def test_a_secret_that_is_too_short_is_told_in_words_and_not_how_long_it_is(name, least, given):
    with pytest.raises(BadSettings) as refusal:
        Settings(**{name: given})

    assert str(refusal.value) == f"OPSLOOP_{name.upper()}: must have at least {least} characters"
