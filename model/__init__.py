"""Stage 2: tensors in, relation scores out."""

__all__ = [
    "adversarial",
    "attention",
    "backbone",
    "baselines",
    "batch",
    "catalog",
    "checkpoint",
    "config",
    "counterfactuals",
    "dgf_pt",
    "errors",
    "interface",
    "labels",
    "language_models",
    "networks",
    "pooling",
]
