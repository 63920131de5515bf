"""What all benchmarks share: interleaved rounds, parts in processes of their own, reports."""
