"""The exception for a wrong configuration or an unusable weights file."""


class ModelError(ValueError):
    """A configuration or weights file the network cannot use; the message names the key or tensor and the fix."""
