"""The sample service's command line."""

from opsloop_common.runner.cli import main

main("sample", declared="opsloop_common.testing.sample.service:SAMPLE")
