"""The agreement of a hospital and a practice as data, and what follows from it. Pure."""
