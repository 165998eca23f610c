"""The data directory: one owner at a time, and secrets that stay."""

import os
import stat
import subprocess
import sys

import pytest

from opsloop import data, up
from opsloop.settings import EmbeddedSettings, read_settings
from opsloop_common.embedded_postgres import PostgresFailed
from opsloop_common.settings import BadSettings

HOLD = """
import sys
from pathlib import Path
from opsloop import data
with data.held(Path(sys.argv[1])) as hold:
    import os
    hold.publish(data.Holder(os.getpid(), "http://127.0.0.1:1"))
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other_holder(tmp_path):
    """Another process that holds the directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_told_who_was_first(tmp_path, other_holder):
    with pytest.raises(data.DataDirBusy) as refusal, data.held(tmp_path):
        pass

    assert str(other_holder.pid) in str(refusal.value)
    assert "http://127.0.0.1:1" in str(refusal.value)
    assert "OPSLOOP_DATA_DIR" in str(refusal.value)
    assert data.holder_of(tmp_path) == data.Holder(other_holder.pid, "http://127.0.0.1:1")


def test_the_hold_of_a_killed_process_is_gone_with_it(tmp_path, other_holder):
    other_holder.kill()
    other_holder.communicate()

    assert data.holder_of(tmp_path) is None
    with data.held(tmp_path):
        assert data.holder_of(tmp_path) == data.Holder(os.getpid())
    assert data.holder_of(tmp_path) is None


def test_nobody_holds_what_was_never_used(tmp_path):
    assert data.holder_of(tmp_path / "nothing") is None


def test_keys_are_made_once_and_are_the_owners_alone(tmp_path):
    made = data.operator_key(tmp_path)
    kept = data.operator_key(tmp_path)

    assert made.is_new
    assert not kept.is_new
    assert made.value == kept.value
    assert made.value.startswith("opl_")
    assert len(data.secret_key(tmp_path).value) >= 32
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("path", ["", "a\nb", "a\x7f", "\udcff"])
def test_a_name_that_lines_and_addresses_cannot_hold_is_refused(path):
    with pytest.raises(BadSettings, match="OPSLOOP_DATA_DIR"):
        EmbeddedSettings(data_dir=path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPSLOOP_MAIL_FROM", "x"),
        ("OPSLOOP_MAIL_FROM", ""),
        ("OPSLOOP_DATA_DIR", " "),
        ("OPSLOOP_DOMAIN_EVENT_RETENTION_DAYS", "x"),
        ("OPSLOOP_CAUSE_CAMPAIGNS_PER_HOUR", "0"),
    ],
)
def test_a_setting_of_one_service_is_refused_before_anything_starts(name, value, monkeypatch):
    monkeypatch.setenv(name, value)

    with pytest.raises(BadSettings, match=name):
        read_settings()


def test_a_file_in_the_place_of_the_directory_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(PostgresFailed, match="OPSLOOP_DATA_DIR"), data.held(path):
            pass


@pytest.mark.parametrize("host", ["例子..公司", "é" * 64, "192.0.2.1"])
def test_an_address_that_cannot_be_listened_on_names_the_settings(host):
    with pytest.raises(up.PortTaken, match="OPSLOOP_HOST and OPSLOOP_PORT"):
        up.bind(host, 0)
