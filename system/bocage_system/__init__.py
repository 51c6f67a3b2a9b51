"""Doors to the operating system, without a word of our field."""
