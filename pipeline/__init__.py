"""Stage 1: posts and photos in, HDF5 shards out."""
