"""Oscar: the network, its checkpoints, and decoding."""
