"""What stands before the @: of ASCII the pattern decides, and it decides as the library does that is asked for the rest."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.mailboxes import address_flaw, read_mailbox


@given(st.text(alphabet="".join(map(chr, range(0x21, 0x7F))), min_size=1, max_size=66))
def test_ascii_is_judged_as_the_library_judges_it(local):
    try:
        is_taken = validate_email(f"{local}@example.com", check_deliverability=False).local_part == local
    except EmailNotValidError:
        is_taken = False

    # "?" may begin an encoded word; a second @ divides elsewhere
    assert (address_flaw(f"{local}@example.com") is None) == (is_taken and not set(local) & set('?@"'))


@pytest.mark.parametrize("local", ["a.b", "o'hara", "x+tag", "a_b", "A1", "a" * 64])
def test_a_plain_name_of_ascii_is_taken_as_it_is(local):
    assert address_flaw(f"{local}@example.com") is None
    assert read_mailbox(f"Ops <{local}@example.com>") == ("Ops", f"{local}@example.com")


@pytest.mark.parametrize("local", ["", ".a", "a.", "a..b", "a b", "a" * 65, "a,b", '"a"'])
def test_no_other_name_of_ascii_is(local):
    assert address_flaw(f"{local}@example.com") is not None
