"""How fast a stream of posts is answered, beside the limit: the network alone on the very batches that it gets."""

import json
import random
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from dgf.model.batch import Batch
from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Post, stream_posts
from dgf.workflows.bench.turns import in_turns
from dgf.workflows.devices import autocast, choose_device
from dgf.workflows.predict.answerer import PostAnswerer
from dgf.workflows.predict.command import answer_streamed
from dgf.workflows.predict.formats import build_format
from dgf.workflows.predict.hub import locate_run
from dgf.workflows.predict.networks import WeightPlaces
from dgf.workflows.predict.settings import PredictSettings
from dgf.workflows.training.run_folder import RunFolder

_LENGTHS = (8, 24)
"""Fewest and most words of a sentence that is made up: as MNRE's, 16 of them on average."""

_VOCABULARY = (
    "the a of at in on with after before while says sees plays wins today again game final team show tour first new "
    "photo city street park night morning great happy ready against over under between more than ever"
)


def bench_predict(
    run: Path, posts: Path | None, rows: int, batch_size: int, rounds: int, device_name: str
) -> dict[str, Any]:
    """Time `dgf predict`'s stream from a file of JSON lines to another, and the network alone, in turns.

    The network gets the batches that the stream gives it, made and moved to its device before. Posts are read without
    their photos; without `posts`, so many `rows` are made up.

    Raises:
        UserError: The run or the posts do not serve.
    """
    folder, device = RunFolder(locate_run(run)), choose_device(device_name)
    config = folder.finished_config()
    answerer = PostAnswerer(folder, config, device, WeightPlaces())
    with tempfile.TemporaryDirectory(prefix="dgf-bench-") as place:
        file, out = Path(place) / "posts.jsonl", Path(place) / "answers.jsonl"
        settings = PredictSettings(folder.path, file, batch_size=batch_size)
        count = _write_posts(file, _made_up(rows) if posts is None else _textual(posts))
        if not count:
            raise UserError(f"{posts}: holds no row", "Give a file with posts, or none: rows are made up then.")

        def stream() -> None:
            with out.open("w", encoding="utf-8", errors="backslashreplace", newline="") as written:
                answer_streamed(settings, answerer, build_format("jsonl"), written.write)

        batches: list[Batch] = []
        network = cast(nn.Module, answerer.network)  # as every model of the catalog is
        hook = network.register_forward_pre_hook(lambda _, given: batches.append(given[0]))
        stream()
        hook.remove()

        def alone() -> None:
            with torch.inference_mode(), autocast(device, config.precision):
                for batch in batches:
                    answerer.network(batch)

        ours, limit = in_turns(stream, alone, rounds=rounds, device=device)
    return {
        "bench": "predict",
        "run": str(run),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "rows": count,
        "batch": batch_size,
        "rows_per_second": round(count / ours, 2),
        "limit_rows_per_second": round(count / limit, 2),
        "ratio": round(limit / ours, 3),
    }


def _textual(path: Path) -> Iterator[Mapping[str, Any]]:
    """The posts of a file without their photos.

    Raises:
        UserError: It cannot be read, or a row is at fault.
    """
    for line in stream_posts(path, path.stem):
        if not isinstance(line.post, Post):
            raise UserError(f"{path}:{line.line}: {line.post}", "`dgf validate` lists every fault.")
        spans = {of: {"span": [one.start, one.end]} for of, one in (("head", line.post.head), ("tail", line.post.tail))}
        yield {"id": line.post.id, "tokens": line.post.tokens, **spans}


def _made_up(rows: int) -> Iterator[Mapping[str, Any]]:
    """Posts of random words about two names, the same at every call."""
    chance = random.Random(0)
    for number in range(rows):
        words = chance.choices(_VOCABULARY.split(), k=chance.randint(*_LENGTHS) - 2)
        head, tail = f"Ada{number}", f"Bo{number}"
        text = " ".join([head, *words, tail])
        ends = len(text) - len(tail), len(text)
        yield {"text": text, "head": {"span": [0, len(head)]}, "tail": {"span": list(ends)}}


def _write_posts(file: Path, posts: Iterator[Mapping[str, Any]]) -> int:
    """Write posts as JSON lines, and count them."""
    with file.open("w", encoding="utf-8") as stream:
        return sum(bool(stream.write(json.dumps(post) + "\n")) for post in posts)
