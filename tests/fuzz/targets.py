"""Every reader as a target: its seeds, how to run it on a mutated case, and which exceptions are right."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import Files, seed_folders, seed_models, seed_photos, seeds
from .command import dgf

LIMIT_S = 10.0
PHOTO_LIMIT_S = 5.0


@dataclass(frozen=True)
class Case:
    """One mutated case on the disk.

    Args:
        folder: Holds the files.
        out: An empty folder beside it for what a command writes.
        number: Of the case; lets options take turns.
    """

    folder: Path
    out: Path
    number: int

    def turn(self, *options: str) -> str:
        return options[self.number % len(options)]

    @property
    def data(self) -> Path:
        """The folder `data`, or the only file."""
        inner = self.folder / "data"
        others = (path for path in sorted(self.folder.iterdir()) if path.name != "img_org")
        return inner if inner.exists() else next(others, inner)


def _anything(_: str) -> bool:
    return True


def _no_photo(name: str) -> bool:
    return not name.endswith(".png")


def _of_run(name: str) -> bool:
    return name.startswith(("run/", "new/"))


def _no_repair(files: Files) -> Files:
    return files


@dataclass(frozen=True)
class Target:
    """One reader.

    Args:
        weight: Share of the cases.
        seeds: Makes the valid cases to begin from.
        run: Reads a case; raises what the reader raises.
        seconds: Longest time of a case.
        mutable: Which files are mutated.
        repair: Makes mutated files consistent again; done to every other case.
        writes: Whether the command may change the case's own folder.
    """

    weight: float
    seeds: Callable[[], Sequence[Files]]
    run: Callable[[Case], object]
    seconds: float = LIMIT_S
    mutable: Callable[[str], bool] = _anything
    repair: Callable[[Files], Files] = _no_repair
    writes: bool = False


def _posts(case: Case) -> None:
    from dgf.pipeline.posts import read_dataset

    on_error = "stop" if case.number % 2 else "skip"
    for post in read_dataset(case.data, on_error=on_error).posts:
        assert all(word.encode() for word in post.tokens), "words cannot be written"
        for mention in (post.head, post.tail):
            assert post.tokens[mention.start : mention.end], "a mention is empty"


def _validate(case: Case) -> None:
    look, bad = case.turn("exist", "header", "pixels"), case.turn("stop", "skip", "skip", "stop", "stop")
    dgf("validate", case.data, "--photos", look, "--on-error", bad, *(("--json",) if case.number % 4 == 0 else ()))


def _captions(case: Case) -> None:
    from dgf.pipeline.captioners import read_caption_file

    read_caption_file(case.data)


def _types(case: Case) -> None:
    from dgf.workflows.data import read_types

    read_types(case.data)


def _relations(case: Case) -> None:
    from dgf.pipeline.posts.relations import read_relations

    read_relations(case.data)


def _config(case: Case) -> None:
    from dgf.workflows.config import dump_config, resolve_config

    file = case.folder / "config.yaml"
    if case.number % 8 == 0:
        dgf("train", "posts", "--out", case.out / "run", "--config", file, "--show-config")
    else:
        dump_config(resolve_config(case.turn("paper", "finetune", "demo"), file, data={"path": "posts"}))


def _words(case: Case) -> None:
    from dgf.workflows.config import dump_config, resolve_config

    # A command line has neither NULs nor more than its bytes, and other bytes as halves of surrogate pairs.
    words = (case.folder / "words").read_bytes().replace(b"\0", b"").decode("utf-8", "surrogateescape").split("\n")
    if case.number % 8 == 0:
        dgf("train", "posts", "--out", case.out / "run", "--show-config", "--", *filter(None, words))
    else:
        dump_config(resolve_config("paper", None, [word for word in words if word], {"path": "posts"}))


def _weights(case: Case) -> None:
    from dgf.pipeline.weights import read_weights

    for value in read_weights(case.data).values():
        assert value.numel() < 1 << 30, "far more numbers than the file has room for"


def _detectron2(case: Case) -> None:
    from dgf.pipeline.detectors import DetectorSpec, input_size

    input_size(DetectorSpec(f"detectron2:{case.folder / 'detector.yaml'}")).resized(30, 40)


def _oscar(case: Case) -> None:
    from dgf.pipeline.captioners.oscar import check_width, describe_checkpoint, load_oscar

    folder = case.folder / "model"
    describe_checkpoint(folder)
    check_width(folder, case.folder, 8)
    load_oscar(folder)


def _language_model(case: Case) -> None:
    from dgf.model.language_model import load_language_model

    load_language_model(str(case.folder / "model"), fetch=False)


def _gguf(case: Case) -> None:
    from dgf.model.language_model import load_language_model

    load_language_model(str(case.folder / "model.gguf"), fetch=False)


def _captioner(case: Case) -> None:
    from dgf.pipeline.captioners import CaptionerSpec, build_captioner, describe_captioner
    from dgf.pipeline.shards import Layout

    spec = CaptionerSpec("hf", str(case.folder / "model"))
    describe_captioner(spec)
    build_captioner(spec, Layout(2, 3, 8, False, ("cat", "dog")), "cpu")


def _store(case: Case) -> None:
    import numpy as np

    from dgf.pipeline.features import FeatureStore

    store = FeatureStore.open(case.folder / "features", case.folder / "captions")
    rows = np.arange(-1, len(store))
    store.gather(rows)
    store.captions(rows.tolist())


def _inspect(case: Case) -> None:
    sheet = ("--sheet", case.out / "sheet.png", "--data", case.folder / "posts", "--captions", case.folder / "captions")
    folder = case.folder / case.turn("features", "captions")
    dgf("inspect", folder, "--verify", *(sheet if case.number % 3 == 0 else ()))


def _caption(case: Case) -> None:
    captions = case.folder / "captions.jsonl"
    if not captions.exists():
        names = [f"{split}-{number}.png" for split in ("train", "val", "test") for number in range(6)]
        captions.write_text("".join(f'{{"image_id": "{name}", "caption": "a cat"}}\n' for name in names))
    options = ("--out", case.out / "captions", "--device", "cpu", "--threads", "1")
    dgf("caption", case.folder / "posts", "--features", case.folder / "features", *options, "--captions", captions)


def _run_folder(case: Case) -> None:
    from dgf.model.checkpoint import load_model
    from dgf.workflows.training.run_folder import RunFolder

    run = RunFolder(case.folder / "run")
    run.load_config()
    run.read_data()
    load_model(run.path)


def _eval(case: Case) -> None:
    dgf("eval", case.folder / "run", "--out", case.out / "eval", "--device", "cpu")


def _predict(case: Case) -> None:
    posts = case.folder / "new" / "posts.jsonl"
    options = ("--device", "cpu", "--missing-images", "text-only", "--on-error", case.turn("skip", "stop"))
    dgf("predict", case.folder / "run", posts, *options)


def _resume(case: Case) -> None:
    dgf("train", "--resume", "--out", case.folder / "run", "--device", "cpu")


def _photo(case: Case) -> None:
    from dgf.pipeline.photos import decode, probe, read_bytes

    data = read_bytes(case.folder, case.data.name)
    size = probe(data)
    pixels = decode(data)
    assert pixels.shape == (*size, 3) and pixels.dtype == "uint8", f"probed {size}, decoded {pixels.shape}"


def _run_alone() -> Sequence[Files]:
    return [
        {name: content for name, content in files.items() if name.startswith("run/")} for files in seed_folders.runs()
    ]


def _run_and_posts() -> Sequence[Files]:
    return [{**files, **seed_folders.posts_for_run()} for files in _run_alone()]


def _posts_with_photos() -> Sequence[Files]:
    photo = seed_photos.png()[0]["photo.png"]
    names = [f"train-{number}.png" for number in range(2)] + [f"img_org/train/{number}.png" for number in range(4)]
    found = []
    for files in (*seeds.jsonl(), *seeds.mnre()):
        below = "data/" if any(name.startswith("data/") for name in files) else ""
        found.append({**files, **{f"{below}{name}": photo for name in names}})
    return found


def _photos(make: Callable[[], Sequence[Files]]) -> Target:
    return Target(6, make, _photo, PHOTO_LIMIT_S)


TARGETS: Mapping[str, Target] = {
    "jsonl": Target(14, seeds.jsonl, _posts),
    "mnre": Target(10, seeds.mnre, _posts),
    "array": Target(2, seeds.post_arrays, _posts),
    "validate": Target(6, _posts_with_photos, _validate, mutable=_no_photo),
    "captions": Target(4, seeds.captions, _captions),
    "types": Target(4, seeds.types, _types),
    "relations": Target(4, seeds.relations, _relations),
    "config": Target(6, seeds.configs, _config),
    "words": Target(4, seeds.words, _words),
    "weights": Target(12, seed_models.weights, _weights),
    "detectron2": Target(3, seeds.detectron2, _detectron2),
    "oscar": Target(2, seed_models.oscars, _oscar),
    "language-model": Target(1, seed_models.language_models, _language_model),
    "gguf": Target(0.5, seed_models.ggufs, _gguf),
    "captioner": Target(0.5, seed_models.captioners, _captioner),
    "store": Target(5, seed_folders.shards, _store, repair=seed_folders.repair_shards),
    "inspect": Target(4, seed_folders.shards, _inspect, repair=seed_folders.repair_shards),
    "caption": Target(2, seed_folders.shards, _caption, repair=seed_folders.repair_shards, writes=True),
    "run": Target(2, _run_alone, _run_folder),
    "eval": Target(0.7, seed_folders.runs, _eval, mutable=_of_run, writes=True),
    "predict": Target(0.4, _run_and_posts, _predict),
    "resume": Target(0.5, seed_folders.runs, _resume, mutable=_of_run, writes=True),
    "jpeg": _photos(seed_photos.jpeg),
    "png": _photos(seed_photos.png),
    "gif": _photos(seed_photos.gif),
    "webp": _photos(seed_photos.webp),
    "bmp": _photos(seed_photos.bmp),
    "tiff": _photos(seed_photos.tiff),
}
