from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from support.seen_world import THREADS, SeenWorld, make_seen_world


@pytest.fixture(autouse=True)
def _as_many_threads_as_the_shards() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> SeenWorld:
    return make_seen_world(tmp_path_factory.mktemp("seen"))


@pytest.fixture
def photos(world: SeenWorld) -> Path:
    return world.posts
