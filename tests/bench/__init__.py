"""Measuring Bocage against its peers on one line. See docs/benchmarks.md."""
