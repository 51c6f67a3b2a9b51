"""The chain of what happened: its database, the way into it, and the comparison of two of them."""
