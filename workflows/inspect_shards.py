"""What a folder of shards holds, whether it is whole, and a picture of it (`dgf inspect`)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dgf.pipeline.errors import UserError
from dgf.pipeline.photos import ImageError, decode, digest, read_bytes
from dgf.pipeline.photos.contact_sheet import Tile, write_sheet
from dgf.pipeline.posts import read_dataset
from dgf.pipeline.shards.commit import MANIFEST, SETTINGS, Failure, Marker, file_digest, fingerprint, markers
from dgf.pipeline.shards.plan import PLAN, Plan
from dgf.pipeline.shards.schema import check_schema, read_layout, read_text
from dgf.workflows.settings import InspectSettings

KINDS = {"features": "dgf extract-features", "captions": "dgf caption"}


@dataclass(frozen=True, slots=True)
class InspectSummary:
    """What the folder holds.

    Args:
        folder: Its path.
        kind: `features` or `captions`.
        rows: Photos with a row.
        shards: Finished shards.
        unfinished: Numbers of planned shards that are not finished.
        bytes: Of the finished shards.
        fingerprint: Of the settings; None where no settings lie there.
        settings: That were fingerprinted.
        versions: Of the software that wrote the first shard.
        layout: Sizes of the arrays, and classes; empty for captions.
        seconds: Of work by stage, over all shards.
        failures: Photos without a row, and why.
        faults: What `verify` found: shard, fault.
        verified: Whether it looked.
    """

    folder: Path
    kind: str
    rows: int
    shards: int
    unfinished: tuple[int, ...]
    bytes: int
    fingerprint: str | None
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    layout: Mapping[str, int]
    seconds: Mapping[str, float]
    failures: tuple[Failure, ...]
    faults: tuple[tuple[str, str], ...]
    verified: bool

    @property
    def hint(self) -> str:
        """The command that makes faulty shards anew."""
        files = " ".join(sorted({str(self.folder / f"{Path(shard).stem}.json") for shard, _ in self.faults}))
        return f"rm -f {files} && {KINDS[self.kind]} ... (the same command that made {self.folder})"


def inspect(settings: InspectSettings) -> InspectSummary:
    """Sums a folder up; verifies and draws it where asked.

    Raises:
        UserError: It is no folder of shards, or the sheet cannot be drawn.
    """
    folder = settings.folder
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder", "Give the --out of `dgf extract-features` or `dgf caption`.")
    described = _json(folder / SETTINGS)
    done = markers(folder)
    manifest = _json(folder / MANIFEST)
    kind = str(described.get("kind", manifest.get("kind")))
    if kind not in KINDS:
        raise UserError(f"{folder}: holds neither features nor captions", "Look for a folder with settings.json.")
    if settings.sheet is not None:
        draw(settings, kind, done)
    versions, layout = _first_shard(folder, done) if done else ({}, {})
    return InspectSummary(
        folder=folder,
        kind=kind,
        rows=sum(marker.stats.rows for marker in done),
        shards=len(done),
        unfinished=_unfinished(folder, done),
        bytes=sum(marker.bytes for marker in done),
        fingerprint=fingerprint(described) if described else None,
        settings=described,
        versions=versions,
        layout=layout,
        seconds=_seconds(done),
        failures=_failures(manifest, done),
        faults=tuple(verify(folder, kind, done, manifest)) if settings.verify else (),
        verified=settings.verify,
    )


def verify(folder: Path, kind: str, done: list[Marker], manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Reads every shard again: yields the file and the first fault of each that is not what its marker says."""
    listed = {str(shard["file"]): str(shard["sha256"]) for shard in manifest.get("shards", ())}
    for marker in done:
        fault = _fault(folder, kind, marker, listed)
        if fault is not None:
            yield marker.file, fault
    for name in sorted(listed.keys() - {marker.file for marker in done}):
        yield name, "is in the manifest and has no marker"


def _fault(folder: Path, kind: str, marker: Marker, listed: Mapping[str, str]) -> str | None:
    path = folder / marker.file
    if not path.is_file():
        return "is not there"
    if path.stat().st_size != marker.bytes:
        return f"has {path.stat().st_size} bytes, its marker says {marker.bytes}"
    found = file_digest(path)
    if found != marker.sha256:
        return f"has SHA-256 {found[:12]}..., its marker says {marker.sha256[:12]}..."
    if marker.file in listed and listed[marker.file] != marker.sha256:
        return "was made anew since the manifest was written"
    try:
        with h5py.File(path) as file:
            check_schema(file, kind)
            if file.attrs.get("fingerprint") != marker.fingerprint:
                return "was made with other settings than its marker says"
            if len(file["image_id"]) != marker.stats.rows:
                return f"has {len(file['image_id'])} rows, its marker says {marker.stats.rows}"
    except UserError as error:
        return f"is broken: {error.message}"
    except OSError as error:
        return f"cannot be opened: {error}"
    return None


def draw(settings: InspectSettings, kind: str, done: list[Marker]) -> None:
    """Draws the first photos of the folder with what was found in them.

    Raises:
        UserError: No data set is given, or no row is there.
    """
    if settings.sheet is None or settings.data is None:
        raise UserError("--sheet needs the photos", "Give --data DATA, the data set the folder was made from.")
    root = read_dataset(settings.data, on_error="skip").image_root
    captions = _captions(settings.captions) if settings.captions is not None else {}
    tiles: list[Tile] = []
    for marker in done:
        if len(tiles) >= settings.photos:
            break
        with h5py.File(settings.folder / marker.file) as file:
            check_schema(file, kind)
            for row, image_id in enumerate(read_text(file, "image_id")[: settings.photos - len(tiles)]):
                text = captions.get(image_id, "")
                tiles.append(_tile(file, kind, row, image_id, root, text))
    if not tiles:
        raise UserError(f"{settings.folder}: no finished shard has a row", "There is nothing to draw yet.")
    try:
        write_sheet(tiles, settings.sheet)
    except OSError as error:
        raise UserError(f"{settings.sheet}: cannot be written: {error.strerror}", "Give another --sheet.") from error


def _tile(file: h5py.File, kind: str, row: int, image_id: str, root: Path, text: str) -> Tile:
    title = image_id
    photo = None
    try:
        data = read_bytes(root, image_id)
        photo = decode(data)
        if kind == "features" and bytes.fromhex(digest(data)) != file["image_sha256"][row].tobytes():
            title += "  (CHANGED since)"
    except ImageError as error:
        text = f"cannot be shown: {error}"
    if kind == "captions":
        caption, logprob = file["caption"].asstr()[row], float(file["logprob"][row])
        return Tile(title, photo, text=text or f"{caption}  ({logprob:.2f})")
    count = int(file["objects/count"][row])
    names = json.loads(file.attrs["class_names"])
    objects = [
        f"{names[number]} {score:.2f}"
        for number, score in zip(file["objects/classes"][row, :count], file["objects/scores"][row, :count], strict=True)
    ]
    return Tile(title, photo, np.asarray(file["objects/boxes"][row, :count]), objects, text)


def _captions(folder: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for marker in markers(folder):
        with h5py.File(folder / marker.file) as file:
            check_schema(file, "captions")
            texts.update(zip(read_text(file, "image_id"), read_text(file, "caption"), strict=True))
    if not texts:
        raise UserError(f"{folder}: no captions", "Give the --out of `dgf caption`.")
    return texts


def _first_shard(folder: Path, done: list[Marker]) -> tuple[Mapping[str, str], Mapping[str, int]]:
    try:
        with h5py.File(folder / done[0].file) as file:
            versions: dict[str, str] = json.loads(file.attrs["versions"])
            if file.attrs["kind"] != "features":
                return versions, {}
            layout = read_layout(file)
    except (OSError, KeyError, ValueError):  # --verify says what is wrong with it
        return {}, {}
    sizes = {
        "objects": layout.objects,
        "regions": layout.regions,
        "dim": layout.dim,
        "classes": len(layout.class_names),
    }
    return versions, sizes | {"fc7": int(layout.fc7)}


def _unfinished(folder: Path, done: list[Marker]) -> tuple[int, ...]:
    if not (folder / PLAN).is_file():  # captions follow the plan of their features
        return ()
    planned = len(Plan.load(folder).shards)
    return tuple(sorted(set(range(planned)) - {marker.index for marker in done}))


def _seconds(done: list[Marker]) -> dict[str, float]:
    stages = sorted({stage for marker in done for stage in marker.stats.seconds})
    return {stage: sum(marker.stats.seconds.get(stage, 0.0) for marker in done) for stage in stages}


def _failures(manifest: Mapping[str, Any], done: list[Marker]) -> tuple[Failure, ...]:
    if manifest:  # it also knows the photos that no shard had
        return tuple(Failure(**failure) for failure in manifest.get("failures", ()))
    return tuple(failure for marker in done for failure in marker.stats.failures)


def _json(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("not an object")
    except ValueError as error:
        raise UserError(f"{path}: broken: {error}", "Run the command that made the folder again.") from error
    return content
