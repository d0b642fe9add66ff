from pathlib import Path

import h5py
import numpy as np

from dgf.pipeline.features import read_seen
from support.small_world import LAYOUT, write_posts, write_shards


def test_the_objects_of_each_photo_are_read_with_their_names(tmp_path: Path) -> None:
    posts, features = write_posts(tmp_path / "posts"), tmp_path / "features"
    write_shards(posts, features)
    seen = read_seen(features)
    checked = 0
    for path in features.glob("*.h5"):
        with h5py.File(path) as file:
            for row, image_id in enumerate(file["image_id"].asstr()[:]):
                found = seen[image_id]
                count = int(file["objects/count"][row])
                np.testing.assert_array_equal(found.boxes, file["objects/boxes"][row, :count])
                classes = file["objects/classes"][row, :count]
                assert found.names == tuple(LAYOUT.class_names[number] for number in classes)
                assert found.size == tuple(file["image_size"][row])
                checked += 1
    assert checked == len(seen) > 5


def test_only_the_photos_that_are_asked_for_are_read(tmp_path: Path) -> None:
    posts, features = write_posts(tmp_path / "posts"), tmp_path / "features"
    write_shards(posts, features)
    assert set(read_seen(features, {"test-1.png", "unknown.png"})) == {"test-1.png"}


def test_rows_beyond_the_count_are_no_objects(tmp_path: Path) -> None:
    posts, features = write_posts(tmp_path / "posts"), tmp_path / "features"
    write_shards(posts, features, count=1)
    assert {(found.boxes.shape, len(found.names)) for found in read_seen(features).values()} == {((1, 4), 1)}
