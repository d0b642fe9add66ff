"""Readers of single files: posts, captions, types, relations, configurations, weights, photos."""

import contextlib
from collections.abc import Sequence

import numpy as np

from .. import Files
from ..command import dgf
from ..seeds import photos, text
from .base import Case


def posts(case: Case) -> None:
    from dgf.pipeline.posts import read_dataset

    on_error = "stop" if case.number % 2 else "skip"
    for post in read_dataset(case.data, on_error=on_error).posts:
        assert all(word.encode() for word in post.tokens), "words cannot be written"
        for mention in (post.head, post.tail):
            assert post.tokens[mention.start : mention.end], "a mention is empty"


def packed_posts(case: Case) -> None:
    from dgf.pipeline.photos import ImageError, find_image, read_bytes
    from dgf.pipeline.posts import read_dataset

    dataset = read_dataset(case.data, on_error="stop" if case.number % 2 else "skip")
    for post in dataset.posts:
        if (name := find_image(dataset, post)) is not None:
            with contextlib.suppress(ImageError):
                read_bytes(dataset.image_root, name)


def validate(case: Case) -> None:
    look, bad = case.turn("exist", "header", "pixels"), case.turn("stop", "skip", "skip", "stop", "stop")
    dgf("validate", case.data, "--photos", look, "--on-error", bad, *(("--json",) if case.number % 4 == 0 else ()))


def captions(case: Case) -> None:
    from dgf.pipeline.captioners import read_caption_file

    read_caption_file(case.data)


def types(case: Case) -> None:
    from dgf.workflows.data import read_types

    read_types(case.data)


def graphs(case: Case) -> None:
    """Scene graphs, joined to two objects of a photo of 8 x 6 pixels."""
    from dgf.pipeline.graphs import match_objects, read_graphs

    file = case.data / "custom_prediction.json" if case.data.is_dir() else case.data
    objects = np.array([[0, 0, 3.5, 5], [3, 0, 8, 6]])
    for graph in read_graphs(file).graphs.values():
        assert set(match_objects(graph, objects, (6, 8))) <= {(0, 1)}, "objects that are not there"


def boxes(case: Case) -> None:
    """Boxes of photos of 8 x 6 pixels."""
    from dgf.pipeline.detectors import FoundFaultError, read_boxes

    file = read_boxes(case.data)
    for name, given in file.photos.items():
        assert len(given.boxes) == len(given.scores) == len(given.labels), "not one of each"
        assert all(label.encode() for label in file.labels), "a label cannot be written"
        try:
            found = file.find([name], (6, 8))
        except FoundFaultError:
            continue
        assert found is not None and (found.boxes[:, 2:] > found.boxes[:, :2]).all(), "a box without area"
        assert ((found.boxes >= 0) & (found.boxes <= [8, 6, 8, 6])).all(), "a box beyond its photo"


def relations(case: Case) -> None:
    from dgf.pipeline.posts.relations import read_relations

    read_relations(case.data)


def config(case: Case) -> None:
    from dgf.workflows.config import dump_config, resolve_config

    file = case.folder / "config.yaml"
    if case.number % 8 == 0:
        dgf("train", "posts", "--out", case.out / "run", "--config", file, "--show-config")
    else:
        dump_config(resolve_config(case.turn("paper", "finetune", "demo"), file, data={"path": "posts"}))


def words(case: Case) -> None:
    from dgf.workflows.config import dump_config, resolve_config

    # A command line has neither NULs nor more than its bytes, and other bytes as halves of surrogate pairs.
    words = (case.folder / "words").read_bytes().replace(b"\0", b"").decode("utf-8", "surrogateescape").split("\n")
    if case.number % 8 == 0:
        dgf("train", "posts", "--out", case.out / "run", "--show-config", "--", *filter(None, words))
    else:
        dump_config(resolve_config("paper", None, [word for word in words if word], {"path": "posts"}))


def weights(case: Case) -> None:
    from dgf.pipeline.weights import read_weights

    for value in read_weights(case.data).values():
        assert value.numel() < 1 << 30, "far more numbers than the file has room for"


def detectron2(case: Case) -> None:
    from dgf.pipeline.detectors import DetectorSpec, input_size

    input_size(DetectorSpec(f"detectron2:{case.folder / 'detector.yaml'}")).resized(30, 40)


def photo(case: Case) -> None:
    from dgf.pipeline.photos import decode, probe, read_bytes

    data = read_bytes(case.folder, case.data.name)
    size = probe(data)
    pixels = decode(data)
    assert pixels.shape == (*size, 3) and pixels.dtype == "uint8", f"probed {size}, decoded {pixels.shape}"


def posts_with_photos() -> Sequence[Files]:
    photo = photos.png()[0]["photo.png"]
    names = [f"train-{number}.png" for number in range(2)] + [f"img_org/train/{number}.png" for number in range(4)]
    found = []
    for files in (*text.jsonl(), *text.mnre()):
        below = "data/" if any(name.startswith("data/") for name in files) else ""
        found.append({**files, **{f"{below}{name}": photo for name in names}})
    return found


def no_photo(name: str) -> bool:
    return not name.endswith(".png")
