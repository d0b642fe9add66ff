"""Mentions found where none are given: by rules, by a model of spaCy, or by a function of one's own."""

from dgf.pipeline.mentions.base import GivenMention
from dgf.pipeline.mentions.builder import build_finder
from dgf.pipeline.mentions.rules import find_by_rules

__all__ = ["GivenMention", "build_finder", "find_by_rules"]
