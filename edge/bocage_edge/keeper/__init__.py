"""The process that holds the identity key, signs, and writes the ledger."""
