"""What a file that holds photos can be asked, whatever its kind."""

import os
from pathlib import Path
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


def unreadable(error: OSError) -> PackedError:
    """What the system says against a file, which may say something else the next time."""
    return PackedError(f"cannot be read: {os.strerror(error.errno or 0)}")


def status_of(path: Path) -> os.stat_result:
    """Size and time of a file as it is now.

    Raises:
        PackedError: It cannot be read.
    """
    try:
        return path.stat()
    except OSError as error:
        raise unreadable(error) from None


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
