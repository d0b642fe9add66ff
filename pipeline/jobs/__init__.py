"""Shards as jobs for workers: what computes one, what every worker does with it, and where the workers are.

Its modules are its names: `captioning` and `extraction_spec` bring torch, `cluster`, `driver` and `tasks` bring Dask.
"""

__all__ = ["base", "captioning", "cluster", "driver", "extraction", "extraction_spec", "rows", "tasks"]
