"""What is well with the box and what is not: one small pure module a probe.

A probe turns what was seen (`facts.Facts`) into findings. `PROBES` in `examine` lists them.
"""
