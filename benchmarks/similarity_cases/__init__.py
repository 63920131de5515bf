"""Cases of benchmarks/similarity.py: each compares repatlas with a peer or with the machine."""
