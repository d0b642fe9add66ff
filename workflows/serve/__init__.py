"""A trained run as a small HTTP service: posts in, answers out, and a page to try one by hand."""

__all__ = ["command", "settings"]
