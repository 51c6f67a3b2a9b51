"""Who did what on the console: a chain of hashes in the database."""
