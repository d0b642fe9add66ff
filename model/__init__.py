"""Stage 2: tensors in, relation scores out."""
