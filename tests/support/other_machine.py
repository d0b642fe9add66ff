"""Storage that several machines reach, and what another one of them is: one with copies of its own."""

from pathlib import Path

import pytest

from dgf.pipeline.storage.address import Address


class Machines:
    """A folder as storage, spoken to through fsspec, and this process as one machine after another."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch, self._count = folder, monkeypatch, 0
        self.change()

    def change(self) -> None:
        """Be another machine, which has no copy of anything."""
        self._count += 1
        self.cache = self.folder / f"machine-{self._count}"
        self._monkeypatch.setenv("DGF_CACHE", str(self.cache))

    def there(self, name: str) -> Path:
        """Where a file or folder of the storage really lies."""
        return self.folder / "storage" / name

    def address(self, name: str) -> Address:
        """Its address."""
        return Address(f"file://{self.there(name)}")

    def copies(self, pattern: str) -> list[str]:
        """Names of the copies that this machine has."""
        return sorted(path.name for path in self.cache.rglob(pattern))
