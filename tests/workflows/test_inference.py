import numpy as np
import pytest
import torch

from dgf.workflows.data import BatchMaker
from dgf.workflows.scoring import Predictions, predict
from support.uneven_posts import UnevenPosts, maker_of, network_of, write_uneven_posts

SCORES = ("log_probs", "type_log_probs")
WEIGHTS = ("relevance", "mention_weights")
EFFECTS = ("photo", "objects", "caption")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> UnevenPosts:
    return write_uneven_posts(tmp_path_factory.mktemp("uneven"))


def predictions_of(maker: BatchMaker, batch_size: int) -> Predictions:
    device = torch.device("cpu")
    return predict(
        network_of(), maker, batch_size=batch_size, device=device, precision="float32", title="test", explain=True
    )


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_posts_of_uneven_length_get_the_predictions_they_get_alone(batch_size: int, world: UnevenPosts) -> None:
    together = predictions_of(maker_of(world), batch_size)
    for row, (post, picture) in enumerate(zip(world.posts, world.pictures, strict=True)):
        alone = predictions_of(maker_of(world, [post]), 1)
        for name in SCORES:
            np.testing.assert_allclose(getattr(together, name)[row], getattr(alone, name)[0], atol=1e-5, rtol=0)
        for name in WEIGHTS + EFFECTS:
            expected = 0 if picture is None else getattr(alone, name)[0]
            np.testing.assert_allclose(getattr(together, name)[row], expected, atol=1e-5, rtol=0)


def test_the_predictions_compared_here_differ_from_post_to_post(world: UnevenPosts) -> None:
    found = predictions_of(maker_of(world), 3)
    seen = [row for row, picture in enumerate(world.pictures) if picture is not None]
    assert torch.pdist(torch.from_numpy(found.log_probs)).min() > 0.1
    for name in WEIGHTS + EFFECTS:
        values = torch.from_numpy(getattr(found, name)[seen]).reshape(len(seen), -1)
        assert torch.pdist(values).min() > 1e-4, name


def test_posts_without_a_photo_are_predicted_beside_others_as_from_text_alone(world: UnevenPosts) -> None:
    mixed, text = predictions_of(maker_of(world), 8), predictions_of(maker_of(world, photos=False), 8)
    for row, picture in enumerate(world.pictures):
        for name in SCORES:
            difference = np.abs(getattr(mixed, name)[row] - getattr(text, name)[row]).max()
            assert difference < 1e-5 if picture is None else difference > 1e-2
