"""What gives the label away, and which figures are possible; modules: options and claims are read without torch."""

__all__ = ["claims", "probe", "rules", "run", "settings", "signals", "tables", "type_pairs"]
