"""The paths between two boxes."""
