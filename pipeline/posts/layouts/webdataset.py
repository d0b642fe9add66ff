"""Samples in tar files, as the library webdataset has them: `KEY.json` is the post, `KEY.jpg` beside it its photo.

    0001.json   {"text": "Ann met Bo", "head": {"span": [0, 3]}, "tail": {"span": [8, 10]}}
    0001.jpg

The object has the keys of JSONL or of MNRE; `KEY.txt` is the text where it has none. A tar counts as a folder: its
photo is `posts.tar/0001.jpg`, and its post `posts:0001`, unless that says its id. Members may be in any order, and are
read where they lie. Links among them are not followed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.file_kinds import recognize
from dgf.pipeline.lines import MAX_LINE_BYTES, parse_json
from dgf.pipeline.packed import PackedError, TarIndex, open_tar, tar_files
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.fields import image_field, text_field
from dgf.pipeline.posts.layouts.base import SPLITS, DataLayout, ReadContext, split_name
from dgf.pipeline.posts.layouts.jsonl import read_object
from dgf.pipeline.posts.layouts.mnre_keys import image_of_row, text_post_of_row

_FILE = re.compile(r"(?P<split>.+?)([-_.](\d+|\*|\{\d+\.\.\d+\}))*\.tar", re.IGNORECASE)
_NUMBER = re.compile(r"[-_.]\d+(?=[-_.]|\.tar$)", re.IGNORECASE)
_PHOTOS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff")
_SAMPLE = ("json", "txt", *_PHOTOS)


def find_tars(path: Path) -> dict[str, Path]:
    """Find the tar file of each split, or a pattern for those of one; or the file or pattern itself.

    Raises:
        UserError: A split has files of several names.
    """
    if not path.is_dir():
        named = _FILE.fullmatch(path.name)
        return {} if named is None else {split_name(named["split"]): path}
    found: dict[str, list[Path]] = {}
    for file in sorted(path.iterdir()):
        if (named := _FILE.fullmatch(file.name)) is not None and not file.name.startswith(".") and file.is_file():
            found.setdefault(split_name(named["split"]), []).append(file)
    order = [split for split in SPLITS if split in found]
    return {
        split: _pattern(path, split, found[split])
        for split in (*order, *(other for other in found if other not in order))
    }


def read_tars(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read the samples of one tar file, or of all that a pattern stands for."""
    try:
        files = tar_files(path)
    except PackedError as error:
        raise UserError(f"{path}: {error}", "Give the files that are there.") from None
    if not files:
        raise UserError(
            f"{path}: no such file",
            "Give one tar file, a folder, or a pattern: 'shard-{000..003}.tar', or 'shard-*.tar', where * is a number.",
        )
    found = False
    for file in files:
        for member, row in _samples(_open(file), reading):
            found = True
            with reading.log.at(file / member, None):
                yield _read_sample(file, member, row, split, reading)
    if not found and not reading.log.faults:
        reading.log.add(path, None, "holds no sample: none of its members ends in .json", "empty")


WEBDATASET = DataLayout(
    name="webdataset",
    files="{train,val,test}.tar or train-000.tar and so on, or one such file or a pattern of them",
    find=find_tars,
    claims=lambda path: True,
    read=read_tars,
)


def _pattern(folder: Path, split: str, files: list[Path]) -> Path:
    """A name for all files of a split, which differ in their number alone."""
    if len(files) == 1:
        return files[0]
    patterns = {_NUMBER.sub(lambda found: f"{found[0][0]}*", file.name) for file in files}
    if len(patterns) > 1:
        two = " and ".join(sorted(patterns)[:2])
        raise UserError(
            f"{folder}: two sets of files for the split {split}: {two}", "Keep one of them, or give its pattern."
        )
    return folder / patterns.pop()


def _open(file: Path) -> TarIndex:
    try:
        return open_tar(file)
    except PackedError as error:
        kind = recognize(file)
        what = f"; it is {kind.name}" if kind is not None and kind.name != "a tar archive" else ""
        raise UserError(
            f"{file}: {error}{what}", "Unpack or fetch it again; members are read from a plain .tar."
        ) from None


def _samples(tar: TarIndex, reading: ReadContext) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield for each sample the name of its post, and its members by their endings."""
    samples: dict[str, dict[str, str]] = {}
    twice, dotted = [], []
    for name in tar.members:
        key, ending = _key_of(name)
        if ending not in _SAMPLE:
            dotted += [name] * ending.endswith(".json")
            continue
        kind = "photo" if ending in _PHOTOS else ending
        if kind in samples.setdefault(key, {}):
            twice.append((name, f"{samples[key][kind]} is there, too: a sample has one {kind}"))
        else:
            samples[key][kind] = name
    for name, fault in twice:
        reading.log.add(tar.path / name, None, fault, "sample")
    _tell_dotted(tar.path, dotted, samples, reading)
    for key, sample in samples.items():
        if "json" in sample:
            yield sample["json"], sample
        else:
            reading.log.add(tar.path / next(iter(sample.values())), None, f"there is no {key}.json beside it", "sample")
    if tar.fault is not None:
        reading.log.add(tar.path, None, tar.fault, "file")


def _tell_dotted(
    file: Path, dotted: Sequence[str], samples: Mapping[str, Mapping[str, str]], reading: ReadContext
) -> None:
    """Tell of objects whose names have a further dot: what belongs to a sample that has its post, and lost posts."""
    beside = []
    for name in dotted:
        key, _ = _key_of(name)
        if "json" in samples.get(key, {}):
            beside.append(name)
        else:
            fault = f"is no post: a key ends at the first dot, and there is no {key}.json"
            reading.log.add(file / name, None, fault, "sample")
    if beside:
        fault = f"{len(beside)} members such as {beside[0]} are not read: a key ends at the first dot"
        reading.log.warn(file, None, fault, "sample")


def _key_of(name: str) -> tuple[str, str]:
    """The key of a member's sample and the ending behind it: the name up to its first dot, and the rest."""
    file = PurePosixPath(name).name
    stem, _, ending = file.partition(".")
    return name[: len(name) - len(file)] + stem, ending.lower()


def _read_sample(
    file: Path, member: str, sample: Mapping[str, str], split: str, reading: ReadContext
) -> tuple[str, Post]:
    """Make split and post of a sample.

    Raises:
        RowError: It cannot be used.
    """
    tar = open_tar(file)
    value = parse_json(_text_of(tar, member))
    if not isinstance(value, dict):
        raise RowError(f"a post must be an object, not {show_value(value)}", "not an object")
    row = {name: given for name, given in value.items() if given is not None}
    keys = "token" in row and "h" in row
    photo = sample["photo"] if "photo" in sample else _named_photo(row)
    image = None if photo is None else image_field(f"{reading.photo_place(file)}/{photo}", "the name of its photo")
    default_id = text_field(f"{file.stem}:{_key_of(member)[0]}", "the name of its member")
    if keys:
        post = text_post_of_row(row, default_id, () if image is None else (image,), reading.relations)
        reading.take_id(post)
        return split, post
    if "text" not in row and "tokens" not in row and "txt" in sample:
        row["text"] = _text_of(tar, sample["txt"]).rstrip("\r\n")
    return read_object(file / member, None, {**row, "image": image}, split, reading, default_id)


def _named_photo(row: Mapping[str, object]) -> str | None:
    """The member that a post names as its photo, where none has its key."""
    if {"img_id", "image_id"} & row.keys():
        return image_of_row(row)
    return image_field(row.get("image"), "image")


def _text_of(tar: TarIndex, member: str) -> str:
    """The text of a member.

    Raises:
        RowError: It cannot be read, is too long or is not UTF-8.
    """
    try:
        data = tar.read(member, MAX_LINE_BYTES + 1)
    except PackedError as error:
        raise RowError(str(error), "file") from None
    if len(data) > MAX_LINE_BYTES:
        raise RowError(f"{member} is longer than {MAX_LINE_BYTES} bytes", "too long")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RowError(f"{member} is not UTF-8 (byte 0x{data[error.start]:02x} at {error.start})", "encoding") from None
