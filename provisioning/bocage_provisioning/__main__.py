"""`python -m bocage_provisioning`."""

from bocage_provisioning.cli import main

main(prog_name="bocage-provision")
