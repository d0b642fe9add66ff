"""Photos: found inside their folder, decoded safely, drawn."""

from dgf.pipeline.packed import NO_FILE
from dgf.pipeline.photos.base import Damaged
from dgf.pipeline.photos.images import MAX_BYTES, ImageError, decode, digest, probe, read_bytes, resolve_photo
from dgf.pipeline.photos.search import (
    NamedPhotos,
    NearPhotos,
    find_image,
    find_photos,
    searched_folders,
    why_missing,
)

__all__ = [
    "MAX_BYTES",
    "NO_FILE",
    "Damaged",
    "ImageError",
    "NamedPhotos",
    "NearPhotos",
    "contact_sheet",
    "decode",
    "digest",
    "find_image",
    "find_photos",
    "probe",
    "read_bytes",
    "resolve_photo",
    "searched_folders",
    "why_missing",
]
