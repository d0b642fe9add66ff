"""Folders that dgf itself writes: posts with photos, feature and caption shards, a run."""

import hashlib
import io
import json
import tempfile
from functools import cache
from pathlib import Path

import torch

from .. import Files
from .models import read_folder
from .text import jsonl

PLACE = b"@CASE@"
"""Stands in text for the folder of a case, which no two runs have in common."""

_KEYS = (
    "language_model=random:gpt2?n_layer=1&n_embd=16&n_head=2&vocab_size=300&n_positions=128&bos_token_id=0&eos_token_id=0",
    *("model.prefix_hidden=8", "optim.batch_size=4", "optim.epochs=1"),
)


def shards() -> list[Files]:
    """`posts/`, `features/` and `captions/`."""
    return [_world()]


@cache
def _world() -> Files:
    from support import small_world

    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        small_world.write_posts(root / "posts")
        small_world.write_shards(root / "posts", root / "features", root / "captions")
        return _constant(read_folder(root), root)


@cache
def runs() -> list[Files]:
    """`run/` with what it was trained on, on pictures and on text alone."""
    from dgf.workflows.config import resolve_config
    from dgf.workflows.train import TrainSettings, train

    found = []
    for pictures in (True, False):
        with tempfile.TemporaryDirectory() as temporary:
            root = Path(temporary)
            for name, content in _world().items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content or b"")
            stores = {"features": str(root / "features"), "captions": str(root / "captions")} if pictures else {}
            data = {"path": str(root / "posts"), "missing_images": "text-only", **stores}
            train(TrainSettings(resolve_config("demo", None, _KEYS, data), root / "run", "cpu"))
            files = _constant(read_folder(root), root)
        kept = ("run/", "posts/", "features/", "captions/") if pictures else ("run/", "posts/")
        found.append({name: content for name, content in files.items() if name.startswith(kept)})
    return found


def posts_for_run() -> Files:
    """New posts without photos."""
    return {"new/posts.jsonl": jsonl()[0]["posts.jsonl"]}


def _constant(files: Files, root: Path) -> Files:
    """The same bytes in every process: times are zero, and the folder's own place is `PLACE`.

    Checksums are left out, as in what older versions wrote: with them every change would be refused at once, and no
    reader would get to look at what the files say.
    """
    constant: Files = {}
    for name, content in files.items():
        assert content is not None
        if name.endswith((".json", ".yaml", ".jsonl", ".txt")):
            content = content.replace(str(root).encode(), PLACE)
        if name.endswith(".json") and b'"checksum"' in content:
            record = {key: value for key, value in json.loads(content).items() if key not in ("checksum", "files")}
            content = json.dumps(_without_times(record), indent=1).encode()
        if name.endswith("config.yaml"):
            content = b"".join(line for line in content.splitlines(keepends=True) if not line.startswith(b"#"))
        if name.endswith(("metrics.jsonl", "environment.txt", "summary.json", "curves.png")):
            content = b""
        if name.endswith("last.pt"):
            state = torch.load(io.BytesIO(content), weights_only=True)
            buffer = io.BytesIO()
            torch.save(_without_times(state), buffer)
            content = buffer.getvalue()
        constant[name] = content
    return constant


def _without_times(content: object) -> object:
    match content:
        case torch.Tensor():
            return content
        case dict():
            timed = ("seconds", "rows_per_second", "seconds_waited", "waited")
            return {
                key: ({stage: 0.5 for stage in value} if isinstance(value, dict) else 0.5)
                if key in timed
                else _without_times(value)
                for key, value in content.items()
            }
        case list():
            return [_without_times(value) for value in content]
        case _:
            return content


def repair_shards(files: Files) -> Files:
    """Let markers, settings and manifest vouch for changed shards, so that readers get to what lies in them."""
    from dgf.pipeline.shards import fingerprint_of

    repaired = dict(files)
    for folder in ("features", "captions"):
        try:
            settings = json.loads(files[f"{folder}/settings.json"] or b"")
            fingerprint = fingerprint_of(settings)
        except (KeyError, ValueError, TypeError, RecursionError):
            continue
        for name in files:
            if name.startswith(f"{folder}/shard-") and name.endswith(".json"):
                repaired[name] = _vouch(files[name], files.get(name.replace(".json", ".h5")), fingerprint)
    return repaired


def _vouch(marker: bytes | None, shard: bytes | None, fingerprint: str) -> bytes | None:
    try:
        content = json.loads(marker or b"")
        data = shard or b""
        facts = {"fingerprint": fingerprint, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        return json.dumps({**content, **facts}).encode()
    except (ValueError, TypeError, RecursionError):
        return marker
