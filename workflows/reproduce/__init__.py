"""The paper's tables and figures, and the benchmark; modules, since options and experiments are read without torch."""

__all__ = ["experiments", "listing", "outcome", "plan", "run", "settings", "validate"]
