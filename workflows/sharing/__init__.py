"""Runs in the hands of others: the card that says what a run is, what of it is shared, and how it gets to a hub.

Its modules are its names: all but `settings` bring torch.
"""

__all__ = ["card", "push", "settings"]
