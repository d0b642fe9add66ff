"""Addresses of storage that is reached over a network, told from paths of this machine by their `://`."""

import re
from dataclasses import dataclass
from pathlib import Path

from dgf.pipeline.errors import UserError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::[A-Za-z][A-Za-z0-9+.-]*)*://.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """Where fsspec finds a folder or a file, such as `s3://bucket/mnre`; `text` has no slash at its end."""

    text: str

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, name: str) -> "Address":
        return Address(f"{self.text}/{name}")

    @property
    def protocol(self) -> str:
        """What comes before `://`, in small letters."""
        return self.text.partition("://")[0].lower()

    @property
    def name(self) -> str:
        """Its last part."""
        return self.text.rpartition("/")[2]

    @property
    def parent(self) -> "Address":
        """What it lies in."""
        return Address(self.text.rpartition("/")[0])


Location = Path | Address
"""Where something lies: on this machine, or at an address."""


def is_address(text: str) -> bool:
    """Whether a text is an address: `hub:NAME` is not, nor is a path with a drive letter."""
    return _ADDRESS.fullmatch(text) is not None


def parse_location(text: str) -> Location:
    """Read what a user names a folder or file by.

    Raises:
        UserError: It is an address of nothing, such as `s3://`.
    """
    if not is_address(text):
        return Path(text)
    protocol, _, rest = text.partition("://")
    if not rest.strip("/"):
        raise UserError(f"{text}: an address with nothing behind ://", f"Give all of it: {protocol}://BUCKET/FOLDER.")
    return Address(text.rstrip("/"))


def whole_location(location: Location) -> str:
    """Return a location as it holds anywhere: an address as it is, a path from the root on."""
    return str(location.absolute() if isinstance(location, Path) else location)
