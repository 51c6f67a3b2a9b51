"""Boxes: who they are, whether they are there, and how one is shut out."""
