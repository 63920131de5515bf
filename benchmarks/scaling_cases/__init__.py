"""Cases of benchmarks/scaling.py: how the cost of each step grows, and the rates behind its law."""
