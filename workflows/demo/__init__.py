"""A small world of drawn photos and posts, and the demo that runs on it."""

__all__ = ["drawing", "posts", "run", "world"]
