"""The sample service's command line."""

from opsloop_common.runner.cli import main
from opsloop_common.settings import Settings

main("sample", Settings, declared="opsloop_common.testing.sample.service:SAMPLE")
