"""The one process that holds the key for configurations and commands."""
