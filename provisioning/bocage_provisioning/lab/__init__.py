"""The laboratory: two sites, their boxes and the line between them, on one machine."""
