"""`python -m bocage_console`."""

from bocage_console.cli import main

main()
