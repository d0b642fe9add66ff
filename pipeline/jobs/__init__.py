"""Shards as jobs for workers: what computes one, what every worker does with it, and where the workers are.

Its modules are its names: `captioning`, `extraction_spec` and `in_memory` bring torch, `cluster`, `driver` and `tasks`
bring Dask.
"""

__all__ = [
    "base",
    "captioning",
    "cluster",
    "driver",
    "extraction",
    "extraction_spec",
    "given",
    "in_memory",
    "rows",
    "tasks",
]
