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
    "graphs",
    "jobs",
    "lines",
    "photos",
    "posts",
    "progress",
    "resnet",
    "shards",
    "text_files",
    "vgg",
    "weights",
    "yaml_values",
]
