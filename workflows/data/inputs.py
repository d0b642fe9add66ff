"""Digests of what a run is given, as it lies on disk: told in a moment, without tokenizer or network.

A finished run is not run again, so that the closer look of `training/digests.py` is never taken of it.
"""

from collections.abc import Sequence
from pathlib import Path

from dgf.pipeline.files import canonical_digest, file_digest
from dgf.pipeline.graphs import digest_of_graphs
from dgf.pipeline.posts import Dataset, Post
from dgf.pipeline.shards import ShardFolder
from dgf.workflows.config import DataConfig
from dgf.workflows.data.captions import caption_files, caption_folder


def inputs_of(data: DataConfig, dataset: Dataset, splits: Sequence[str] = ("train", "val")) -> dict[str, str]:
    """Digest what a run learns from and is chosen by, by the name that a user knows each by; no row of another split.

    Args:
        data: Names what lies beside the posts; of shards the hashes are known, none is read.
        dataset: The posts.
        splits: Whose posts count.

    Raises:
        UserError: A folder that is named is not there.
    """
    found = {
        f"posts of the split {name}": canonical_digest([_plain(post) for post in dataset.splits.get(name, ())])
        for name in splits
    }
    if data.features:
        found["features"] = canonical_digest(ShardFolder.open(Path(data.features), "features").hashes)
    if folder := caption_folder(data):
        found["captions"] = canonical_digest(ShardFolder.open(folder, "captions").hashes)
    elif files := caption_files(data):
        found["captions"] = canonical_digest(sorted(map(file_digest, files)))
    if data.types:
        found["types"] = file_digest(Path(data.types))
    if data.graphs:
        found["scene graphs"] = digest_of_graphs(Path(data.graphs))
    return found


def _plain(post: Post) -> list[object]:
    mentions = [[of.text, of.start, of.end, of.type, *(of.box or ())] for of in (post.head, post.tail)]
    return [post.id, post.tokens, mentions, post.image_ids, post.relation]
