"""Tar files with the members that a test names."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from PIL import Image


def photo_bytes(shade: int = 0, size: tuple[int, int] = (8, 6)) -> bytes:
    """A PNG of one color."""
    stream = io.BytesIO()
    Image.new("RGB", size, (shade, 255 - shade, 90)).save(stream, "PNG")
    return stream.getvalue()


def write_tar(path: Path, members: Iterable[tuple[str, bytes | None]], *, form: int = tarfile.PAX_FORMAT) -> Path:
    """Write members in their order; None makes a link of that name to `/etc/passwd`."""
    with tarfile.open(path, "w", format=form) as archive:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            if data is None:
                entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data or b""))
    return path
