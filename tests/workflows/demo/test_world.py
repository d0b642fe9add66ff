"""The drawn world: the same everywhere, readable as MNRE, and a photo can decide the relation."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dgf.pipeline.photos import find_image
from dgf.pipeline.posts import read_dataset
from dgf.workflows.demo.drawing import PAINTERS
from dgf.workflows.demo.posts import DEMO_RELATIONS, SITUATIONS, arrange, write_posts
from dgf.workflows.demo.world import HEIGHT, ORGANIZATIONS, PEOPLE, WIDTH, Scene, draw_scene, standing

ROWS = {"train": 24, "val": 12, "test": 12}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    write_posts(out, ROWS)
    return out


def test_it_reads_as_mnre(folder: Path) -> None:
    dataset = read_dataset(folder)
    assert {split: len(posts) for split, posts in dataset.splits.items()} == ROWS
    assert dataset.relations == DEMO_RELATIONS
    assert not dataset.faults
    for posts in dataset.splits.values():
        assert {post.relation for post in posts} == set(DEMO_RELATIONS)
        for post in posts:
            assert find_image(dataset, post) is not None
            for mention in (post.head, post.tail):
                assert mention.text == " ".join(post.tokens[mention.start : mention.end])


def test_the_same_seed_draws_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_posts(tmp_path, ROWS)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((folder / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


def test_another_seed_draws_another_world(folder: Path, tmp_path: Path) -> None:
    write_posts(tmp_path, ROWS, seed=1)
    name = "txt/ours_train.txt"
    assert (folder / name).read_bytes() != (tmp_path / name).read_bytes()


def test_photos_are_distinct(folder: Path) -> None:
    photos = [path.read_bytes() for path in folder.rglob("*.jpg")]
    assert len(set(photos)) == len(photos) == sum(ROWS.values())


def test_some_relations_only_the_photo_tells() -> None:
    relations_of = defaultdict(set)
    for situation in SITUATIONS:
        relations_of[situation.sentences].add(situation.relation)
    assert sum(len(relations) > 1 for relations in relations_of.values()) >= 4


def test_the_shirt_shows_in_the_pixels() -> None:
    player, club = PEOPLE[0], ORGANIZATIONS[0]
    scene = Scene("pitch", "day", (standing(player, 0.5, wears=club),))
    pixels = np.asarray(draw_scene(scene, 0)).astype(int)
    at_home = np.asarray(draw_scene(Scene("pitch", "day", (standing(player, 0.5),)), 0)).astype(int)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    shirt = (slice(int(0.55 * HEIGHT), int(0.57 * HEIGHT)), slice(int(0.47 * WIDTH), int(0.53 * WIDTH)))
    assert np.abs(pixels[shirt] - club.colors[0]).mean() < 5
    assert np.abs(at_home[shirt] - player.colors[2]).mean() < 5


@pytest.mark.parametrize("kind", PAINTERS)
def test_every_thing_stays_near_its_box_and_appears_in_a_photo(kind: str) -> None:
    import random

    shown = {
        thing.kind: thing
        for situation in SITUATIONS
        for thing in arrange(situation.shows, situation.heads[0], situation.tails[1], random.Random(0))[1]
    }
    thing = shown[kind]
    assert 0 <= thing.box[0] < thing.box[2] <= 1 and 0 <= thing.box[1] < thing.box[3] <= 1
    with_it = np.asarray(draw_scene(Scene("coast", "day", (thing,)), 3)).astype(int)
    without = np.asarray(draw_scene(Scene("coast", "day", ()), 3)).astype(int)
    changed = np.abs(with_it - without).sum(axis=2) > 24
    rows, columns = np.nonzero(changed)
    margin = 0.08
    assert rows.min() >= (thing.box[1] - margin) * HEIGHT and rows.max() <= (thing.box[3] + margin) * HEIGHT
    assert columns.min() >= (thing.box[0] - margin) * WIDTH and columns.max() <= (thing.box[2] + margin) * WIDTH
    assert changed.sum() > 200


def test_photos_are_plain_jpegs(folder: Path) -> None:
    with Image.open(next(folder.rglob("*.jpg"))) as photo:
        assert (photo.format, photo.mode, photo.size) == ("JPEG", "RGB", (WIDTH, HEIGHT))
