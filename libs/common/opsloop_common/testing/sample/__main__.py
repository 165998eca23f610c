"""The sample service's command line."""

from opsloop_common import runner
from opsloop_common.testing.sample.service import SAMPLE

runner.main(SAMPLE)
