"""Shards as work: one choreography for every computation, in this process or on a cluster."""
