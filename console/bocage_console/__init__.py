"""The console: watches the boxes of a fleet and gives them signed configuration."""
