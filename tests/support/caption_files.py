"""Files of captions for the posts of the small world."""

from pathlib import Path

from support.small_world import SIZES


def write_caption_files(posts: Path, words: str = "a picture of", *, without: tuple[str, ...] = ()) -> dict[str, Path]:
    """A file for each split, in which each of its photos has a caption of its own."""
    files = {}
    for split, count in SIZES.items():
        names = [f"{split}-{i}.png" for i in range(count // 2)]
        rows = [{"img_id": name, "text": f"{words} {name}"} for name in names if name not in without]
        files[split] = posts.parent / f"{words.replace(' ', '-')}_{split}.txt"
        files[split].write_text("".join(f"{row!r}\n" for row in rows))
    return files
