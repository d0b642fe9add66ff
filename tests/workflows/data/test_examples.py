import numpy as np
import pytest
from torch import Tensor

from support.uneven_posts import ORDER, ROWS, UnevenPosts, maker_of, tokenizer, write_uneven_posts


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> UnevenPosts:
    return write_uneven_posts(tmp_path_factory.mktemp("uneven"))


def words(tokens: Tensor) -> str:
    return str(tokenizer().decode(tokens)).strip()


def test_spans_are_the_head_and_then_the_tail_whichever_stands_first(world: UnevenPosts) -> None:
    batch = maker_of(world, photos=False)(np.array(ORDER))
    found = []
    for tokens, (head, tail) in zip(batch.tokens, batch.spans.tolist(), strict=True):
        found.append((words(tokens[slice(*head)]), words(tokens[slice(*tail)])))
    assert found == [ROWS[row][1:3] for row in ORDER]
    assert found[1] == ("James", "Lakers") and batch.spans[1, 0, 0] > batch.spans[1, 1, 0]


def test_every_row_of_a_batch_is_its_own_sentence_and_relation(world: UnevenPosts) -> None:
    batch = maker_of(world, photos=False)(np.array(ORDER))
    found = [words(tokens[mask]) for tokens, mask in zip(batch.tokens, batch.token_mask, strict=True)]
    assert found == [ROWS[row][0] for row in ORDER]
    assert batch.relations is not None and batch.relations.tolist() == [3, 1, 2, 0, 0, 2, 1, 4]
