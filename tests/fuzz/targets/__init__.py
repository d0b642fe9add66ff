"""Every reader as a target: its seeds, how to run it on a mutated case, how often, and how long it may take."""

from collections.abc import Callable, Mapping, Sequence

from .. import Files
from ..seeds import folders as seed_folders
from ..seeds import models as seed_models
from ..seeds import packed as seed_packed
from ..seeds import photos as seed_photos
from ..seeds import text as seeds
from . import faults, files, folders
from .base import Case, Target

__all__ = ["TARGETS", "Case", "Target"]

PHOTO_LIMIT_S = 5.0


def _photos(make: Callable[[], Sequence[Files]]) -> Target:
    return Target(6, make, files.photo, PHOTO_LIMIT_S)


TARGETS: Mapping[str, Target] = {
    "jsonl": Target(14, seeds.jsonl, files.posts),
    "mnre": Target(10, seeds.mnre, files.posts),
    "keyed": Target(8, seeds.keyed, files.posts),
    "tagged": Target(4, seeds.tagged, files.posts),
    "table": Target(4, seeds.tables, files.posts),
    "packed": Target(4, seed_packed.packed, files.packed_posts),
    "array": Target(2, seeds.post_arrays, files.posts),
    "validate": Target(6, files.posts_with_photos, files.validate, mutable=files.no_photo),
    "captions": Target(4, seeds.captions, files.captions),
    "types": Target(4, seeds.types, files.types),
    "graphs": Target(4, seeds.graphs, files.graphs),
    "boxes": Target(2, seeds.boxes, files.boxes),
    "relations": Target(4, seeds.relations, files.relations),
    "config": Target(6, seeds.configs, files.config),
    "words": Target(4, seeds.words, files.words),
    "weights": Target(12, seed_models.weights, files.weights),
    "detectron2": Target(3, seeds.detectron2, files.detectron2),
    "oscar": Target(2, seed_models.oscars, folders.oscar),
    "language-model": Target(1, seed_models.language_models, folders.language_model),
    "gguf": Target(0.5, seed_models.ggufs, folders.gguf),
    "captioner": Target(0.5, seed_models.captioners, folders.captioner),
    "encoder": Target(0.5, seed_models.encoders, folders.encoder),
    "store": Target(5, seed_folders.shards, folders.store, repair=seed_folders.repair_shards),
    "inspect": Target(4, seed_folders.shards, folders.inspect, repair=seed_folders.repair_shards),
    "caption": Target(2, seed_folders.shards, folders.caption, repair=seed_folders.repair_shards, writes=True),
    "run": Target(2, folders.run_alone, folders.run_folder),
    "eval": Target(0.7, seed_folders.runs, folders.evaluate, mutable=folders.of_run, writes=True),
    "predict": Target(0.4, folders.run_and_posts, folders.predict),
    "resume": Target(0.5, seed_folders.runs, folders.resume, mutable=folders.of_run, writes=True),
    "jpeg": _photos(seed_photos.jpeg),
    "png": _photos(seed_photos.png),
    "gif": _photos(seed_photos.gif),
    "webp": _photos(seed_photos.webp),
    "bmp": _photos(seed_photos.bmp),
    "tiff": _photos(seed_photos.tiff),
    "fault": Target(0, lambda: [{"x": b"a"}], faults.fault, seconds=1.0),
}
