"""The command prints what the domain has to say of the keys, or what is wrong with a setting or a key."""

import subprocess
import sys

import pytest

from opsloop_notifications.dns_records.__main__ import main
from services.notifications.tests.test_dkim import FROM, keys

__all__ = ["keys"]


@pytest.fixture
def environment(monkeypatch):
    def set_to(**values):
        monkeypatch.setenv("OPSLOOP_MAIL_FROM", FROM)
        for name, value in values.items():
            monkeypatch.setenv(f"OPSLOOP_DKIM_{name}", value)

    return set_to


def test_the_command_prints_a_line_a_key(keys, environment, capsys):
    environment(KEYS=f"r1={keys['rsa']},e1={keys['ed']}")

    assert main() == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith('r1._domainkey.example.test. IN TXT ( "v=DKIM1; k=rsa; p=')
    assert second.startswith('e1._domainkey.example.test. IN TXT ( "v=DKIM1; k=ed25519; p=')


@pytest.mark.parametrize(
    ("keys_are", "status", "said"),
    [
        (None, 2, "OPSLOOP_DKIM_KEYS is not set"),
        ("x", 2, "entry 1"),
        ("a=/nowhere.pem", 1, "/nowhere.pem cannot be read"),
    ],
)
def test_the_command_says_what_is_wrong(environment, capsys, keys_are, status, said):
    environment(**({} if keys_are is None else {"KEYS": keys_are}))

    assert main() == status

    found = capsys.readouterr()
    assert said in found.err
    assert found.out == ""


def test_it_is_a_command():
    command = (sys.executable, "-m", "opsloop_notifications.dns_records")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={})

    assert (done.returncode, done.stdout) == (2, "")
