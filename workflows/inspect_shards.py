"""What a folder of shards holds, whether it is whole, and a picture of it (`dgf inspect`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from dgf.pipeline.errors import UserError
from dgf.pipeline.photos import ImageError, decode, digest, read_bytes
from dgf.pipeline.photos.contact_sheet import Tile, write_sheet
from dgf.pipeline.posts import find_dataset
from dgf.pipeline.shards import (
    MADE_BY,
    MANIFEST,
    PLAN,
    Failure,
    Marker,
    ShardFolder,
    read_layout,
    read_rows,
    read_text,
    read_versions,
    sum_seconds,
)
from dgf.pipeline.storage.address import Location
from dgf.workflows.settings import InspectSettings


@dataclass(frozen=True, slots=True)
class InspectSummary:
    """What the folder holds.

    Args:
        folder: Its path or address.
        kind: `features` or `captions`.
        rows: Photos with a row; `failures` have none.
        shards: Finished shards, of so many `bytes`.
        unfinished: Numbers of planned shards that are not finished.
        fingerprint: Of the `settings`.
        versions: Of the software that wrote the first shard.
        layout: Sizes of the arrays, and classes; empty for captions.
        seconds: Of work by stage, over all shards.
        faults: What `verify` found: shard, fault.
        verified: Whether it looked.
    """

    folder: Location
    kind: str
    rows: int
    shards: int
    unfinished: tuple[int, ...]
    bytes: int
    fingerprint: str
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    layout: Mapping[str, int]
    seconds: Mapping[str, float]
    failures: tuple[Failure, ...]
    faults: tuple[tuple[str, str], ...]
    verified: bool

    @property
    def hint(self) -> str:
        """The command that makes faulty shards again."""
        same = "the same command that made the folder, without --overwrite"
        command = f"{MADE_BY[self.kind]} ... --out {self.folder} ({same}"
        if isinstance(self.folder, Path):
            return f"{command}: it makes these shards again)"
        # Shards at an address are not read by the run that makes them, which goes by their markers.
        markers = ", ".join(f"{self.folder / Path(name).with_suffix('.json').name}" for name, _ in self.faults)
        return f"{command}, after removing {markers}: it makes these shards again)"


def inspect_folder(settings: InspectSettings) -> InspectSummary:
    """Sum a folder up; verify and draw it where asked.

    Raises:
        UserError: It is not a folder of shards, or the sheet cannot be drawn.
    """
    folder = ShardFolder.open(settings.folder)
    markers, broken = folder.all_markers()
    if broken and not settings.verify:
        raise folder.damaged(folder.path / broken[0][0], broken[0][1])
    summed_up = (folder.path / MANIFEST).is_file()
    if settings.sheet is not None:
        _draw_sheet(settings, settings.sheet, folder, markers)
    versions, layout = _look_at_shard(folder, markers[0]) if markers else ({}, {})
    # The manifest also knows the photos that no shard had.
    failures = folder.failures if summed_up else tuple(f for marker in markers for f in marker.stats.failures)
    # Captions follow the plan of their features.
    planned = range(len(folder.plan.shards)) if (folder.path / PLAN).is_file() else ()
    listed = folder.hashes if summed_up else {}
    return InspectSummary(
        folder=settings.folder,
        kind=folder.kind,
        rows=sum(marker.stats.rows for marker in markers),
        shards=len(markers) + len(broken),
        unfinished=tuple(sorted(set(planned) - {marker.index for marker in markers})),
        bytes=sum(marker.bytes for marker in markers),
        fingerprint=folder.fingerprint,
        settings=folder.settings,
        versions=versions,
        layout=layout,
        seconds=sum_seconds(markers),
        failures=failures,
        faults=_find_faults(folder, markers, broken, listed) if settings.verify else tuple(folder.lacking(markers)),
        verified=settings.verify,
    )


def _find_faults(
    folder: ShardFolder, markers: list[Marker], broken: list[tuple[str, str]], listed: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Read every shard again: the file and the first fault of each that is not what its marker says.

    Shards with `broken` markers are among them; `listed` are the hashes that the manifest has.
    """
    faults = list(broken)
    for marker in markers:
        fault = folder.fault(marker)
        if fault is None and listed.get(marker.file, marker.sha256) != marker.sha256:
            fault = "was made again since the manifest was written"
        if fault is not None:
            faults.append((marker.file, fault))
    marked = {marker.file for marker in markers} | {Path(name).with_suffix(".h5").name for name, _ in broken}
    faults += [(name, "is in the manifest and has no marker") for name in sorted(listed.keys() - marked)]
    return tuple(faults)


def _draw_sheet(settings: InspectSettings, sheet: Path, folder: ShardFolder, markers: list[Marker]) -> None:
    """Draw the first photos of the folder with what was found in them."""
    if settings.data is None:
        raise UserError("--sheet needs the photos", "Give --data DATA, the data set the folder was made from.")
    root = find_dataset(settings.data, settings.layout).photos
    captions = _read_captions(settings.captions) if settings.captions is not None else {}
    tiles: list[Tile] = []
    for marker in markers:
        if len(tiles) >= settings.photos:
            break
        with folder.open_shard(marker) as file:
            for row, image_id in enumerate(read_text(file, "image_id")[: settings.photos - len(tiles)]):
                tiles.append(_draw_row(file, folder.kind, row, image_id, root, captions.get(image_id, "")))
    if captions and tiles and not any(tile.text for tile in tiles):
        raise UserError(f"{settings.captions}: no caption for any of these photos", "Give captions of these features.")
    if not tiles:
        raise UserError(f"{folder.path}: no finished shard has a row", "There is nothing to draw yet.")
    try:
        write_sheet(tiles, sheet)
    except OSError as error:
        raise UserError(f"{sheet}: cannot be written: {error.strerror}", "Give another --sheet.") from error


def _draw_row(file: h5py.File, kind: str, row: int, image_id: str, root: Path, text: str) -> Tile:
    title = image_id
    photo = None
    try:
        data = read_bytes(root, image_id)
        photo = decode(data, "use")  # a picture to be looked at
        if kind == "features" and bytes.fromhex(digest(data)) != read_rows(file, "image_sha256", row).tobytes():
            title += "  (CHANGED since)"
    except ImageError as error:
        text = f"cannot be shown: {error}"
    if kind == "captions":
        caption, logprob = read_text(file, "caption")[row], float(read_rows(file, "logprob", row))
        return Tile(title, photo, text=text or f"{caption}  ({logprob:.2f})")
    count = int(read_rows(file, "objects/count", row))
    names = read_layout(file).class_names
    classes, scores = read_rows(file, "objects/classes", row), read_rows(file, "objects/scores", row)
    objects = [f"{names[number]} {score:.2f}" for number, score in zip(classes[:count], scores[:count], strict=True)]
    return Tile(title, photo, read_rows(file, "objects/boxes", row)[:count], objects, text)


def _read_captions(path: Path) -> dict[str, str]:
    folder = ShardFolder.open(path, "captions")
    texts: dict[str, str] = {}
    for marker in folder.markers():
        with folder.open_shard(marker) as file:
            texts.update(zip(read_text(file, "image_id"), read_text(file, "caption"), strict=True))
    if not texts:
        raise UserError(f"{path}: no captions", "Give the --out of `dgf caption`.")
    return texts


def _look_at_shard(folder: ShardFolder, marker: Marker) -> tuple[Mapping[str, str], Mapping[str, int]]:
    """Versions and sizes that a shard tells; nothing where it is broken."""
    try:
        with folder.open_shard(marker) as file:
            versions = read_versions(file)
            if folder.kind == "captions":
                return versions, {}
            layout = read_layout(file)
    except UserError:  # --verify says what is wrong with it
        return {}, {}
    sizes = {"objects": layout.objects, "regions": layout.regions, "dim": layout.dim}
    sizes |= dict(zip(("blocks", "block_dim"), layout.blocks, strict=True))
    more = {"fc7": int(layout.fc7), "pyramid": int(layout.pyramid)}
    return versions, {**sizes, "classes": len(layout.class_names), **more}
