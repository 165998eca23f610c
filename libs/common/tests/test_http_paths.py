"""Where a path ends, as it was sent."""

import pytest

from opsloop_common.http.paths import ends_as_sent


@pytest.mark.parametrize(
    ("raw", "end", "ends"),
    [
        (b"/v1/users/a/ids", "/ids", True),
        (b"/v1/users/a/%69ds", "/ids", True),
        (b"/v1/users/a%2Fids", "/ids", False),
        (b"/v1/users/a%2fids", "/ids", False),
        (b"/v1/users/a%2Fids/ids", "/ids", True),
        (b"/v1/users/a/b/c", "/b/c", True),
        (b"/v1/users/a%2Fb/c", "/b/c", False),
        (b"ids", "/ids", False),
        (b"/v1/users/a/ids/7", "/ids/{id}", True),
        (b"/v1/users/a/ids/x%2Fy", "/ids/{id}", True),
        (b"/v1/users/a%2Fids/7", "/ids/{id}", False),
        (b"7", "/ids/{id}", False),
    ],
)
def test_only_slashes_that_were_sent_divide(raw, end, ends):
    assert ends_as_sent({"path": "", "raw_path": raw}, end) is ends


def test_a_server_that_does_not_tell_what_was_sent_is_taken_at_its_word():
    assert ends_as_sent({"path": "/v1/users/用户/ids"}, "/ids")
