"""A folder of shards: its plan, its schema, and how a shard becomes final."""
