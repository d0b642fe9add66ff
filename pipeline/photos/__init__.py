"""Photos: found inside their folder, decoded safely, drawn."""

from dgf.pipeline.photos.base import Damaged
from dgf.pipeline.photos.images import ImageError, decode, digest, probe, read_bytes
from dgf.pipeline.photos.search import NamedPhotos, find_image, find_photos, why_missing

__all__ = [
    "Damaged",
    "ImageError",
    "NamedPhotos",
    "contact_sheet",
    "decode",
    "digest",
    "find_image",
    "find_photos",
    "probe",
    "read_bytes",
    "why_missing",
]
