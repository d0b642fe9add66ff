"""The systems that the paper compares with, a file each; `configs` has their keys, and imports nothing heavy."""

__all__ = ["bert_sg", "cnn", "configs", "hvpnet", "mega", "mtb", "prompt", "visualbert"]
