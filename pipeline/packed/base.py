"""What a file that holds photos can be asked, whatever its kind."""

from typing import Protocol

NO_FILE = "no such file"
"""The reason of a photo that is not there."""


class PackedError(Exception):
    """Something in a file of many cannot be read.

    Args:
        reason: Short, and the same every time.
        lasting: Whether the file itself is so, as long as it is the same: it need not be tried again.
    """

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting


class Pack(Protocol):
    """A file that holds photos by name."""

    def fault_of(self, name: str) -> str | None:
        """Say why nothing of that name can be read; None where it can, as far as is known without reading it.

        Raises:
            PackedError: The file itself cannot be read.
        """

    def read(self, name: str, limit: int) -> bytes:
        """Read at most the first `limit` bytes of what has that name.

        Raises:
            PackedError: It cannot be read.
        """
