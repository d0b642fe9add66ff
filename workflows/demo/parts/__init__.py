"""The demo's trained parts: how each learned the drawn world, and under `weights/` what it learned."""

__all__ = [
    "average_precision",
    "captioner",
    "detector",
    "language_model",
    "photos",
    "places",
    "rebuild",
    "vgg",
]
