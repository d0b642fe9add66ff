"""From posts and shards to batches."""
