"""Hospitals and practices."""
