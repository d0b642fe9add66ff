"""Which row of the feature shards shows each post's photo, and the outcome for posts whose photo is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.posts import Post
from dgf.workflows.settings import MissingImages


@dataclass(frozen=True, slots=True)
class Placed:
    """Posts with the rows of their photos.

    Args:
        posts: Those that are kept.
        rows: (n,) row in the feature store, -1 for text alone.
        skipped: Ids of posts left out because their photo is missing.
        missing: Ids of posts that run on text although they name a photo.
    """

    posts: tuple[Post, ...]
    rows: NDArray[np.int64]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def text_only(self) -> int:
        """Rows that run with their visual parts masked, whatever the reason."""
        return int((self.rows < 0).sum())


def place(
    posts: Sequence[Post],
    store: FeatureStore | None,
    missing_images: MissingImages,
    data: Path,
    *,
    share: float = 1.0,
    seed: int = 0,
) -> Placed:
    """Look up every post's photo; a missing one is never replaced by another picture.

    Args:
        posts: Rows of a split.
        store: The feature shards; None where there are none.
        missing_images: For posts that name a photo the shards lack.
        data: The data set, for the message.
        share: Share of the photos to keep (Figure 3), the same photos for every split and run of one seed.
        seed: Draws the photos kept.

    Raises:
        UserError: If a photo is missing and `missing_images` is `error`.
    """
    rows = np.array([-1 if store is None else store.row(post.image_ids) for post in posts], dtype=np.int64)
    named = np.array([bool(post.image_ids) for post in posts], dtype=bool)
    lacking = np.flatnonzero(named & (rows < 0))
    if lacking.size and missing_images == "error":
        raise UserError(_missing_message(posts, lacking, store, data), _hint(store, data))
    keep = np.ones(len(posts), dtype=bool)
    if missing_images == "skip":
        keep[lacking] = False
    withheld = (
        (rows >= 0) & ~_kept_photos(store, share, seed)[rows] if store is not None else np.zeros(len(posts), bool)
    )
    absent = [posts[int(i)].id for i in lacking]
    return Placed(
        posts=tuple(post for post, kept in zip(posts, keep, strict=True) if kept),
        rows=np.where(withheld, -1, rows)[keep],
        skipped=tuple(absent) if missing_images == "skip" else (),
        missing=tuple(absent) if missing_images == "text-only" else (),
    )


def _kept_photos(store: FeatureStore, share: float, seed: int) -> NDArray[np.bool_]:
    """Draw (photos + 1,) whether each photo is kept; the last answers for row -1."""
    return np.append(np.random.default_rng(seed).random(len(store)) < share, True)


def _missing_message(posts: Sequence[Post], lacking: NDArray[np.int64], store: FeatureStore | None, data: Path) -> str:
    first = ", ".join(posts[i].image_ids[0] for i in lacking[:3])
    where = "no features were given" if store is None else f"not in {store.folder}"
    return f"{data}: {lacking.size} of {len(posts)} posts show a photo that is missing ({where}), such as {first}"


def _hint(store: FeatureStore | None, data: Path) -> str:
    extract = f"`dgf extract-features {data} --out FEATURES` extracts them"
    return f"{extract}; --missing-images skip leaves such posts out, text-only runs them without a photo."
