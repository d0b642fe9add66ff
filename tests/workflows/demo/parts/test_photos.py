"""Photos to learn from: the same for the same seed, others for another, and none lost in batching."""

from itertools import islice

import numpy as np

from dgf.workflows.demo.parts.photos import HELD_OUT, TRAINING, batches_of_one_shape, drawn_photos


def test_a_seed_draws_the_same_photos_and_another_seed_others() -> None:
    one, same, other = (list(islice(drawn_photos(seed), 3)) for seed in (TRAINING, TRAINING, HELD_OUT))
    for left, right, unlike in zip(one, same, other, strict=True):
        np.testing.assert_array_equal(left.pixels, right.pixels)
        assert left.scene == right.scene != unlike.scene
        assert left.pixels.shape == (left.scene.size[1], left.scene.size[0], 3)


def test_batches_hold_every_photo_once_beside_others_of_its_proportions() -> None:
    drawn = list(islice(drawn_photos(TRAINING), 12))
    batches = list(islice(batches_of_one_shape(iter(drawn), 4, window=3), 3))
    assert sorted(id(photo) for batch in batches for photo in batch) == sorted(map(id, drawn))
    spans = sorted(
        (min(shapes), max(shapes))
        for shapes in ([photo.scene.size[0] / photo.scene.size[1] for photo in batch] for batch in batches)
    )
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))
