"""`dgf validate`: what a data set holds, in memory that does not grow with its rows, and a repaired copy of it."""

__all__ = ["fix_posts", "run", "settings"]
