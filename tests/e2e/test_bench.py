"""The benchmarks start, alone as a person starts them, and leave nothing behind; what they measure is no test's matter."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from opsloop_common.testing.run import OPEN_TO_ALL, QUICK, RUN


def test_a_section_is_measured_and_nothing_stays():
    folder = Path(tempfile.mkdtemp())
    folder.chmod(OPEN_TO_ALL)
    alone = {name: value for name, value in os.environ.items() if name not in (RUN, QUICK)}
    command = [sys.executable, "-m", "bench", "intake", "--seconds", "0.1", "--rounds", "1"]

    done = subprocess.run(command, env=alone | {"TMPDIR": str(folder)}, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| intake")]
    assert len(rows) == 3
    assert all(row[3].strip() and row[5].strip() for row in rows), done.stdout
    assert list(folder.iterdir()) == []
