"""Mosquitto as this fleet needs it: configured, tried, kept."""
