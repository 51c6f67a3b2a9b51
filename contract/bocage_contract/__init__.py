"""What both sides must agree on: models, signing, the ledger's chain, fingerprints.

Pure: no file, socket, clock or process. Time and randomness come in as arguments.

Versions of the contract:
    1 (2026-11): cards, configuration, ledger.
"""

CONTRACT = 1
