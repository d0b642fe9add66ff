"""Readers of folders: models, shards, runs."""

from collections.abc import Sequence

from .. import Files
from ..command import dgf
from ..seeds import folders
from .base import Case


def oscar(case: Case) -> None:
    from dgf.pipeline.captioners.oscar import check_width, describe_checkpoint, load_oscar

    folder = case.folder / "model"
    describe_checkpoint(folder)
    check_width(folder, case.folder, 8)
    load_oscar(folder)


def language_model(case: Case) -> None:
    from dgf.model.language_models import load_language_model

    load_language_model(str(case.folder / "model"), fetch=False)


def gguf(case: Case) -> None:
    from dgf.model.language_models import load_language_model

    load_language_model(str(case.folder / "model.gguf"), fetch=False)


def captioner(case: Case) -> None:
    from dgf.pipeline.captioners import CaptionerSpec, build_captioner, describe_captioner
    from dgf.pipeline.shards import Layout

    spec = CaptionerSpec("hf", str(case.folder / "model"))
    describe_captioner(spec)
    build_captioner(spec, Layout(2, 3, 8, False, ("cat", "dog")), "cpu")


def encoder(case: Case) -> None:
    import numpy as np

    from dgf.pipeline.encoders import EncoderSpec, build_photo_encoder, describe_photo_encoder

    spec = EncoderSpec(f"transformers:{case.folder / 'model'}", "default")
    describe_photo_encoder(spec)
    built = build_photo_encoder(spec, "cpu")
    blocks = built.extract_prepared([built.prepare(np.zeros((9, 12, 3), np.uint8))]).blocks
    assert blocks.shape == (1, *built.block_shape), "not the blocks it says"


def store(case: Case) -> None:
    import numpy as np

    from dgf.pipeline.features import FeatureStore

    store = FeatureStore.open(case.folder / "features", case.folder / "captions")
    rows = np.arange(-1, len(store))
    store.gather(rows)
    store.captions(rows.tolist())


def inspect(case: Case) -> None:
    sheet = ("--sheet", case.out / "sheet.png", "--data", case.folder / "posts", "--captions", case.folder / "captions")
    folder = case.folder / case.turn("features", "captions")
    dgf("inspect", folder, "--verify", *(sheet if case.number % 3 == 0 else ()))


def caption(case: Case) -> None:
    captions = case.folder / "captions.jsonl"
    if not captions.exists():
        names = [f"{split}-{number}.png" for split in ("train", "val", "test") for number in range(6)]
        captions.write_text("".join(f'{{"image_id": "{name}", "caption": "a cat"}}\n' for name in names))
    options = ("--out", case.out / "captions", "--device", "cpu", "--threads", "1")
    dgf("caption", case.folder / "posts", "--features", case.folder / "features", *options, "--captions", captions)


def run_folder(case: Case) -> None:
    from dgf.model.checkpoint import load_model
    from dgf.workflows.training.run_folder import RunFolder

    run = RunFolder(case.folder / "run")
    run.load_config()
    run.read_data()
    load_model(run.path)


def evaluate(case: Case) -> None:
    dgf("eval", case.folder / "run", "--out", case.out / "eval", "--device", "cpu")


def predict(case: Case) -> None:
    posts = case.folder / "new" / "posts.jsonl"
    options = ("--device", "cpu", "--missing-images", "text-only", "--on-error", case.turn("skip", "stop"))
    dgf("predict", case.folder / "run", posts, *options)


def resume(case: Case) -> None:
    dgf("train", "--resume", "--out", case.folder / "run", "--device", "cpu")


def run_alone() -> Sequence[Files]:
    return [{name: content for name, content in files.items() if name.startswith("run/")} for files in folders.runs()]


def run_and_posts() -> Sequence[Files]:
    return [{**files, **folders.posts_for_run()} for files in run_alone()]


def of_run(name: str) -> bool:
    return name.startswith(("run/", "new/"))
