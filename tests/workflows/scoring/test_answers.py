import numpy as np
import pytest

from dgf.workflows.data import Placed, Split
from dgf.workflows.scoring import Answers, Predictions
from support.uneven_posts import UnevenPosts, maker_of, network_of, write_uneven_posts

PROBABILITIES = ((0.1, 0.4, 0.05, 0.2, 0.25), (0.5, 0.02, 0.08, 0.3, 0.1), (0.12, 0.13, 0.15, 0.2, 0.4))
BEST = (
    {"/per/org/member_of": 0.4, "/per/loc/place_of_residence": 0.25, "/loc/loc/contain": 0.2},
    {"None": 0.5, "/loc/loc/contain": 0.3, "/per/loc/place_of_residence": 0.1},
    {"/per/loc/place_of_residence": 0.4, "/loc/loc/contain": 0.2, "/per/per/peer": 0.15},
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> UnevenPosts:
    return write_uneven_posts(tmp_path_factory.mktemp("uneven"))


def answers_of(world: UnevenPosts, probabilities: tuple[tuple[float, ...], ...]) -> Answers:
    """What would be said of the first posts if the network gave these probabilities."""
    posts = world.posts[: len(probabilities)]
    predictions = Predictions(np.log(np.array(probabilities, np.float32)))
    maker = maker_of(world, posts, photos=False)
    split = Split(maker, Placed(posts, np.full(len(posts), -1), (), ()))
    return Answers(split, predictions, network_of().labels, None)


def test_the_most_probable_relation_is_the_answer_and_the_best_ones_descend(world: UnevenPosts) -> None:
    rows = list(answers_of(world, PROBABILITIES).rows())
    assert [row["relation"] for row in rows] == ["/per/org/member_of", "None", "/per/loc/place_of_residence"]
    assert [row["probability"] for row in rows] == pytest.approx([0.4, 0.5, 0.4], abs=1e-6)
    for row, best in zip(rows, BEST, strict=True):
        assert list(row["best"]) == list(best)
        assert row["best"] == pytest.approx(best, abs=1e-6)


def test_an_answer_names_its_own_post(world: UnevenPosts) -> None:
    rows = list(answers_of(world, PROBABILITIES).rows())
    assert [(row["id"], row["head"], row["tail"]) for row in rows] == [
        ("post:0", "Ada Lovelace", "Royal Society"), ("post:1", "James", "Lakers"), ("post:2", "Louvre", "Paris"),
    ]  # fmt: skip
