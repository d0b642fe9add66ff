"""Stage 1: posts and photos in, HDF5 shards out."""

__all__ = [
    "array_pickle",
    "captioners",
    "detectors",
    "errors",
    "faults",
    "features",
    "file_kinds",
    "files",
    "jobs",
    "lines",
    "photos",
    "posts",
    "progress",
    "shards",
    "text_files",
    "vgg",
    "weights",
    "yaml_values",
]
