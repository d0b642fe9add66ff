"""Decoded words: the published ones, and the same ones however they are computed."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dgf.pipeline.captioners.oscar import Cached, DecodedCaption, Words, build_context, decode_captions, load_oscar
from support.oscar_examples import decode, decode_several, golden_photos, ragged, small

LOGS = 1e-4


@pytest.fixture(scope="module")
def golden(shared_dir: Path) -> Path:
    return shared_dir / "golden" / "oscar"


def padded(found: list[list[DecodedCaption]], length: int) -> np.ndarray:
    rows = [[[2, *one.ids, 3, *[0] * length][:length] for one in photo] for photo in found]
    return np.array(rows)


def scores(found: list[list[DecodedCaption]]) -> np.ndarray:
    return np.array([[one.score for one in photo] for photo in found])


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "stepwise"])
@pytest.mark.parametrize(
    ("name", "length", "beams"), [("greedy", 20, 1), ("beam5", 20, 5), ("greedy_len40", 40, 1), ("beam5_len40", 40, 5)]
)
def test_published_words(golden: Path, name: str, length: int, beams: int, cached: bool) -> None:
    checkpoint = load_oscar(golden / "oscar_tiny")
    found = decode(checkpoint, golden_photos(golden), cached=cached, beams=beams, length=length)
    with np.load(golden / "oscar_cases.npz") as file:
        assert np.array_equal(padded(found, length), file[f"oscar_tiny/{name}/ids"])
        assert np.abs(scores(found) - file[f"oscar_tiny/{name}/logprobs"]).max() < LOGS


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "stepwise"])
def test_published_three_best(golden: Path, cached: bool) -> None:
    # In float64: at step 6 of one photo the fifth and sixth beam are 1e-5 apart, which float32 may turn either way.
    checkpoint = load_oscar(golden / "oscar_tiny")
    checkpoint.model.double()
    found = decode_several(checkpoint, golden_photos(golden), cached=cached, keep=3)
    with np.load(golden / "oscar_cases.npz") as file:
        assert np.array_equal(padded(found, 20), file["oscar_tiny/beam5_keep3/ids"])
        assert np.abs(scores(found) - file["oscar_tiny/beam5_keep3/logprobs"]).max() < LOGS


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "stepwise"])
@pytest.mark.parametrize(("name", "beams"), [("greedy", 1), ("beam5", 5)])
def test_published_words_of_2020(golden: Path, name: str, beams: int, cached: bool) -> None:
    checkpoint = load_oscar(golden / "extra" / "oscar_tiny_2020")
    words = Words(2, 0, (3, 0))
    found = decode(checkpoint, golden_photos(golden), cached=cached, beams=beams, words=words)
    with np.load(golden / "extra" / "oscar_2020_cases.npz") as file:
        assert np.array_equal(padded(found, 20), file[f"{name}/ids"])
        # The greedy score of 2020 was the sum of what ours is the mean of.
        counts = np.array([[len(one.ids) + 1 for one in photo] for photo in found]) if beams == 1 else 1
        assert np.abs(scores(found) * counts - file[f"{name}/logprobs"]).max() < LOGS


def test_scores_of_each_greedy_step(golden: Path) -> None:
    checkpoint = load_oscar(golden / "oscar_tiny")
    with np.load(golden / "oscar_cases.npz") as file, torch.inference_mode():
        ids, logits = file["oscar_tiny/greedy/ids"][:, 0], file["oscar_tiny/greedy/step_logits"]
        context = build_context(golden_photos(golden), checkpoint.tokenizer, 20, torch.device("cpu"))
        model = Cached(checkpoint.model, context, 20, 1, 4)
        for step in range(19):
            ours = model.step(
                torch.from_numpy(ids[:, step : step + 1]), None if step == 0 else torch.zeros(8, 1).long()
            )
            theirs = torch.from_numpy(logits[:, step]).log_softmax(-1)
            running = (ids[:, 1 : step + 1] != 3).all(axis=1)
            assert (ours[:, 0] - theirs)[torch.from_numpy(running)].abs().max() < 1e-3


def test_checkpoint_with_normalized_regions_captions_alike_both_ways(golden: Path) -> None:
    checkpoint = load_oscar(golden / "oscar_tiny_layernorm")
    found = [decode(checkpoint, golden_photos(golden), cached=cached) for cached in (True, False)]
    assert padded(found[0], 20).tolist() == padded(found[1], 20).tolist()
    assert np.abs(scores(found[0]) - scores(found[1])).max() < LOGS
    assert len({photo[0].ids for photo in found[0]}) == 8


@pytest.mark.parametrize("beams", [1, 5])
@pytest.mark.parametrize("normalized", [0, 1])
def test_same_words_cached_or_not_and_in_any_batch(beams: int, normalized: int) -> None:
    checkpoint = small(seed=7, use_img_layernorm=normalized)
    photos = ragged(32)
    together = decode(checkpoint, photos, beams=beams)
    alone = [decode(checkpoint, [photo], beams=beams)[0] for photo in photos]
    stepwise = decode(checkpoint, photos, cached=False, beams=beams)
    assert len({photo[0].ids for photo in together}) > 10
    assert len({len(photo[0].ids) for photo in together}) > 5  # some end early and leave the batch
    for other in (alone, stepwise):
        assert [photo[0].ids for photo in other] == [photo[0].ids for photo in together]
        assert np.abs(scores(other) - scores(together)).max() < LOGS


class Table:
    """A next word that depends on the last word alone, and on the photo."""

    def __init__(self, logs: Tensor) -> None:
        self.logs = logs  # (B, V, V)
        self.batches: list[int] = []

    @property
    def photos(self) -> int:
        return len(self.logs)

    def step(self, tokens: Tensor, parents: Tensor | None) -> Tensor:
        self.batches.append(len(tokens))
        return self.logs[torch.arange(len(tokens)).unsqueeze(1), tokens]

    def keep(self, rows: Tensor) -> None:
        self.logs = self.logs[rows]


CLS, SEP = 2, 3


def always(word: int, probability: float, photos: int = 1) -> Tensor:
    chances = torch.full((photos, 8, 8), (1 - probability) / 7)
    chances[:, :, word] = probability
    return chances.log()


def test_greedy_counts_the_last_word_that_the_end_overwrites() -> None:
    found = decode_captions(Table(always(5, 0.9)), Words(CLS, 0, (SEP,)), 4, 1)
    assert found[0].ids == (5, 5) and found[0].score == pytest.approx(math.log(0.9), abs=1e-5)


def test_greedy_ends_at_the_end() -> None:
    table = Table(always(SEP, 0.9))
    found = decode_captions(table, Words(CLS, 0, (SEP,)), 20, 1)
    assert found[0].ids == () and found[0].score == pytest.approx(math.log(0.9), abs=1e-5)
    assert len(table.batches) == 1


def test_finished_photos_leave_the_batch() -> None:
    logs = torch.cat([always(SEP, 0.9, 3), always(5, 0.9, 1)])
    for beams in (1, 2):
        table = Table(logs.clone())
        ids = [found.ids for found in decode_captions(table, Words(CLS, 0, (SEP,)), 6, beams)]
        assert ids == [(), (), (), (5,) * 4]
        assert table.batches[0] == 4 and table.batches[-1] == 1


def test_beams_find_what_greedy_misses() -> None:
    chances = torch.full((1, 8, 8), 0.001)
    chances[0, CLS, 5], chances[0, CLS, 6] = 0.5, 0.45
    chances[0, 5] = 0.125
    chances[0, 6, 7] = chances[0, 7, SEP] = 0.99
    logs = chances.log()
    words = Words(CLS, 0, (SEP,))
    assert decode_captions(Table(logs), words, 10, 1)[0].ids[0] == 5
    best = decode_captions(Table(logs), words, 10, 3)[0]
    assert best.ids == (6, 7)
    assert best.score == pytest.approx((math.log(0.45) + 2 * math.log(0.99)) / 3, abs=1e-5)
