"""Stage 1: posts and photos in, HDF5 shards out."""

__all__ = [
    "array_pickle",
    "captioners",
    "detectors",
    "errors",
    "features",
    "files",
    "jobs",
    "lines",
    "photos",
    "posts",
    "progress",
    "shards",
    "vgg",
    "weights",
]
