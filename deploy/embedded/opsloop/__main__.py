"""`python -m opsloop`."""

from opsloop.cli import main

main()
