"""The demo: a small world of drawn photos and posts, and the whole job on it."""

__all__ = ["kept", "painting", "parts", "run", "world"]
