"""Cases of benchmarks/training.py: training beside the machine's limit and beside others' loops."""
