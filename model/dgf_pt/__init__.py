"""DGF-PT (section 4 of the paper); modules rather than names, so that its configuration is read without torch."""

__all__ = ["config", "decoder", "encoder", "fusion", "inputs", "network", "objective"]
