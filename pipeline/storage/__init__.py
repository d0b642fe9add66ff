"""Data sets and shards at addresses such as `s3://bucket/folder`, and their copies on this machine.

Its modules are its names: `address` brings nothing heavy, and fsspec is imported where an address is first spoken to.
"""

__all__ = ["address", "hold", "mirror", "photos", "posts", "remote"]
