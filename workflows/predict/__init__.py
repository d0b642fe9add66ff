"""Answers of a trained run for posts of one's own: handed over in Python, streamed, or whole data sets by shards.

Its modules are its names; `settings` brings nothing heavy.
"""

__all__ = ["answer", "answerer", "command", "formats", "given", "hub", "loaded_run", "networks", "settings"]
