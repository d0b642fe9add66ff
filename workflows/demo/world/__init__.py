"""A small world that posts are about, of which it is known what tells a relation and how well anything can."""

from dgf.workflows.demo.painting import WORLD_CLASSES
from dgf.workflows.demo.world.ceilings import Ceiling, Ceilings
from dgf.workflows.demo.world.describe import NOUNS, describe, largest_things, named_things
from dgf.workflows.demo.world.posts import (
    MORE_POSTS,
    SIDE_FILE,
    WORLD_RELATIONS,
    WORLD_ROWS,
    DrawnPost,
    draw_posts,
    training_scenes,
    write_with_irrelevant_photos,
    write_world,
)
from dgf.workflows.demo.world.scene import Scene, Thing, draw_scene
from dgf.workflows.demo.world.staging import random_scene

__all__ = [
    "MORE_POSTS",
    "NOUNS",
    "SIDE_FILE",
    "WORLD_CLASSES",
    "WORLD_RELATIONS",
    "WORLD_ROWS",
    "Ceiling",
    "Ceilings",
    "DrawnPost",
    "Scene",
    "Thing",
    "describe",
    "draw_posts",
    "draw_scene",
    "largest_things",
    "named_things",
    "random_scene",
    "training_scenes",
    "write_with_irrelevant_photos",
    "write_world",
]
