"""Names in the environment that look like settings and are none."""

import pytest

from opsloop_common.setting_names import unknown_settings
from opsloop_common.settings import Settings

SECRET = "S3cr3tThatNobodyMaySee"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("OPSLOOP_PROT", "OPSLOOP_PROT is no setting; did you mean OPSLOOP_PORT?"),
        ("OPSLOOP_SMPT_URL", "OPSLOOP_SMPT_URL is no setting; did you mean OPSLOOP_SMTP_URL?"),
        ("opsloop_prot", "opsloop_prot is no setting; did you mean OPSLOOP_PORT?"),
        ("OPSLOOP_KAFKA_BOOTSRAP", "OPSLOOP_KAFKA_BOOTSRAP is no setting; did you mean OPSLOOP_KAFKA_BOOTSTRAP?"),
        ("OPSLOOP_AI_MODEL", "OPSLOOP_AI_MODEL is no setting"),
        ("OPSLOOP_X", "OPSLOOP_X is no setting"),
        ("OPSLOOP_" + "X" * 1000, "OPSLOOP_" + "X" * 92 + " is no setting"),
        ("SAMPLE_DATABASE_ULR", "SAMPLE_DATABASE_ULR is no setting; did you mean SAMPLE_DATABASE_URL?"),
        (
            "SAMPLE_DATABASE_DIRECT_ULR",
            "SAMPLE_DATABASE_DIRECT_ULR is no setting; did you mean SAMPLE_DATABASE_DIRECT_URL?",
        ),
    ],
)
def test_a_name_that_is_none_is_told_with_the_nearest_and_without_its_value(name, said):
    (line,) = unknown_settings({name: SECRET, "OPSLOOP_PORT": "1"}, Settings, services=("sample",))

    assert line == said


@pytest.mark.parametrize(
    "name",
    [
        "OPSLOOP_HOST",
        "opsloop_host",
        "OPSLOOP_MAIL_FROM",  # of notifications: one environment serves all
        "OPSLOOP_DATA_DIR",
        "OPSLOOP_FAILPOINT",
        "SAMPLE_DATABASE_URL",
        "SAMPLE_DATABASE_PASSWORD",
        "OTHER_DATABASE_ULR",
        "OPSLOOPER",
        "PATH",
    ],
)
def test_what_somebody_reads_is_passed_over(name):
    assert list(unknown_settings({name: SECRET}, Settings, services=("sample",))) == []
