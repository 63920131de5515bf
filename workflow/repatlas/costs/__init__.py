"""What a study will cost: seconds, memory and disk of its jobs, before any of them runs.

`workload` counts what a network computes and holds, exactly; `rates` are seconds and bytes for each
of those counts, measured by `benchmarks/scaling.py`; `laws` and `analysis_laws` make costs of the
two, and `plan` and `analyses` do so for a study.
"""
