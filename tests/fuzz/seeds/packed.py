"""Posts and photos in tar files and Parquet tables."""

import io
import json
import tarfile

from .. import Files
from .photos import png

_POST = {"tokens": ["Alice", "joins", "Club"], "head": {"span": [0, 1]}, "tail": {"span": [2, 3]}, "relation": "None"}
_SPANS = {"head": {"span": [0, 3]}, "tail": {"span": [8, 10]}}


def packed() -> list[Files]:
    """Tar files in each form, and tables with photos within them where pyarrow is installed."""
    photo = next(content for content in png()[0].values() if content is not None)
    forms = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
    found: list[Files] = [
        {"data/train-00.tar": _tar(photo, form), "data/train-01.tar": _tar(photo, form, "b")} for form in forms
    ]
    found.append({"posts.tar": _tar(photo, tarfile.PAX_FORMAT, "x/" + "deep" * 40)})
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return found
    rows = [
        {**_POST, "image": {"bytes": photo, "path": None}},
        {**_POST, "image": None},
        {**_POST, "image": {"bytes": None, "path": "1.png"}},
    ]
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), stream, row_group_size=2)
    return [*found, {"posts.parquet": stream.getvalue()}]


def _tar(photo: bytes, form: int, key: str = "a") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, data in (
            (f"{key}.json", json.dumps(_POST).encode()),
            (f"{key}.png", photo),
            (f"{key}1.json", json.dumps({**_SPANS, "relation": "None"}).encode()),
            (f"{key}1.txt", b"Ann met Bo"),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()
