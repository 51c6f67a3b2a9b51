"""What boxes say, into the database; what is for them, out of it."""
