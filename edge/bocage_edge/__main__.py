"""`python -m bocage_edge`."""

from bocage_edge.cli import main

main(prog_name="bocage-edge")
