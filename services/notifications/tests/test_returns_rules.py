"""The signed id of a mail: found in an address or a Message-ID, and made by nobody else."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.mailboxes import address_flaw
from opsloop_common.secretbox import SecretBox
from opsloop_notifications.returns.rules import CANDIDATES, LOCAL_CHARACTERS, PURPOSE, find, message_id, return_path

ID = UUID("0198f7a2-0000-7000-8000-0000000000aa")
BOX = "bounces@mail.example.test"


def signer(secret="s" * 32):
    box = SecretBox(secret)
    return lambda said: box.digest(said, purpose=PURPOSE)


SIGN = signer()


@given(st.uuids(), st.sampled_from(["acme", "a", "w" * 63]))
def test_what_is_written_is_found(id, workspace):
    for written in (return_path(BOX, id, workspace, SIGN), f"<{message_id(id, workspace, SIGN)}@example.test>"):
        assert find(f"X: 1\nTo: {written}\n", workspace, SIGN) == id
        assert find(written.upper(), workspace, SIGN) == id, "servers may write it anew"


def test_it_is_the_same_each_time_and_fits_an_address():
    longest = f"{'b' * LOCAL_CHARACTERS}@example.test"

    assert return_path(longest, ID, "acme", SIGN) == return_path(longest, ID, "acme", SIGN)
    assert len(return_path(longest, ID, "acme", SIGN).rpartition("@")[0]) == 64
    assert address_flaw(return_path(longest, ID, "acme", SIGN)) is None
    assert re.fullmatch(rf"{ID}-[0-9a-f]{{16}}", message_id(ID, "acme", SIGN))


@pytest.mark.parametrize(
    ("workspace", "sign"), [("other", SIGN), ("acme", signer("t" * 32))], ids=["another workspace", "another secret"]
)
def test_what_others_write_is_not_found(workspace, sign):
    for written in (return_path(BOX, ID, "acme", SIGN), f"<{message_id(ID, 'acme', SIGN)}@example.test>"):
        assert find(written, workspace, sign) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"<{ID}@example.test>",
        f"<{ID}-0123456789abcdef@example.test>",
        f"bounces+{'a' * 39}@mail.example.test",
        f"bounces+{'a' * 40}@mail.example.test",
        f"bounces+{'é' * 39}@mail.example.test",
    ],
)
def test_a_name_without_its_proof_is_none(text):
    assert find(text, "acme", SIGN) is None


def test_one_letter_more_or_other_is_another():
    path = return_path(BOX, ID, "acme", SIGN)
    token = path.partition("+")[2].partition("@")[0]
    for place in range(len(token) - 1):
        other = "a" if token[place] != "a" else "b"
        assert find(path.replace(token, token[:place] + other + token[place + 1 :]), "acme", SIGN) is None
    assert find(path.replace(token, token[:-1]), "acme", SIGN) is None


def test_it_is_found_among_others_but_not_behind_any_number():
    forged = f"<{ID}-0123456789abcdef@example.test>\n"
    ours = f"<{message_id(ID, 'acme', SIGN)}@example.test>"

    assert find(forged * (CANDIDATES - 1) + ours, "acme", SIGN) == ID
    assert find(forged * CANDIDATES + ours, "acme", SIGN) is None
