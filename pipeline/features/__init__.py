"""Finished shards as tensors, by row."""
