"""Where people reach a service and its pages."""

import pytest

from opsloop_common.clock import SystemClock
from opsloop_common.settings import Settings
from opsloop_common.work import Grounds


@pytest.mark.parametrize(
    ("public", "page", "link"),
    [
        ("http://o.test", "http://o.test/p/acme/notes/open", "http://o.test/api/sample/v1/notes"),
        ("http://o.test/below/", "http://o.test/below/p/acme/notes/open", "http://o.test/below/api/sample/v1/notes"),
        (None, None, None),
    ],
)
def test_pages_lie_beside_the_api(public, page, link):
    grounds = Grounds("sample", SystemClock(), settings=Settings(public_url=public))

    assert grounds.page("/p/acme/notes/open") == page
    assert grounds.link("/v1/notes") == link
    assert grounds.link(None) is None


def test_without_settings_there_is_no_address():
    assert Grounds("sample", SystemClock()).page("/p/acme/notes/open") is None
