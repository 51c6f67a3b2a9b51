"""Coding and sealing: instances, requests and reports become sealed objects, and come back exactly.

`writer` seals while an object arrives, `reader` opens. Between them lie `container` (what is inside
the seal), `age` (the seal itself), `scanner` and `content` (what we must know of a data set) and
`pool` (the image codecs, in processes of their own).
"""
