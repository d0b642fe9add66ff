"""Digests of everything a run learns from, so that a resumed run notices what has changed and says what."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dgf.pipeline.files import canonical_digest
from dgf.pipeline.shards import ShardFolder
from dgf.workflows.data import BatchMaker, Split

_SPLITS = {"train": "training", "val": "validation"}


def digests_of(
    splits: Mapping[str, Split], language_model: str, features: Path | None, *, captions_by_name: bool
) -> dict[str, str]:
    """Digest the inputs of a run, by the name that a user knows each by.

    Args:
        splits: The rows as the network reads them, by the name of their split; they share photos and captions.
        language_model: Digest of its weights before the first step.
        features: Folder of the feature shards; their hashes are known, no shard is read.
        captions_by_name: Whether captions are of files and found by the photo's name, so that the photos of two runs
            may differ although their rows in the feature store do not.
    """
    found: dict[str, str] = {}
    for name, split in splits.items():
        examples = split.batches.examples
        photos = [examples.image_rows]
        if captions_by_name and examples.caption_rows is not None:
            photos.append(examples.caption_rows)
        given = np.zeros(0, np.int64) if examples.given_types is None else examples.given_types
        parts = {
            "sentences": (examples.tokens, examples.offsets, examples.sentences),
            "mentions": (examples.spans, *(() if examples.mention_objects is None else (examples.mention_objects,))),
            "relations": (examples.relations,),
            "entity types": (examples.type_targets, given),
            "photos": photos,
        }
        whose = _SPLITS.get(name, name)
        found |= {f"{part} of the {whose} split": _digest(arrays) for part, arrays in parts.items()}
    if features is not None:
        folder = ShardFolder.open(features, "features")
        found["features"] = canonical_digest({"fingerprint": folder.fingerprint, "shards": folder.hashes})
    if captions := _captions([split.batches for split in splits.values()]):
        found["captions"] = captions
    if graphs := [split.batches.alignments for split in splits.values() if split.batches.alignments is not None]:
        found["scene graphs"] = canonical_digest([sorted(each.edges.items()) for each in graphs])
    found["language model"] = language_model
    return found


def _captions(makers: Iterable[BatchMaker]) -> str | None:
    tokens = [maker.captions.tokens for maker in makers if maker.captions is not None]
    return canonical_digest(tokens) if tokens else None


def digest_of_weights(module: nn.Module) -> str:
    """Digest names and values of all weights, as they are stored."""
    state: dict[str, Tensor] = module.state_dict()
    names = sorted(state)
    raw = (state[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy() for name in names)
    return canonical_digest([names, _digest(raw)])


def _digest(arrays: Iterable[NDArray[Any]]) -> str:
    """SHA-256 of arrays, each after its size, hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.nbytes.to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
