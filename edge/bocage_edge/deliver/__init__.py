"""Sealed objects out of the spool, opened, verified, and stored at the site's own stations."""
