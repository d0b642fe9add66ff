import sys
import threading
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from dgf.model import catalog, networks
from dgf.workflows.config import resolve_config
from dgf.workflows.train import TrainSettings, train
from dgf.workflows.training.processes import Processes
from dgf.workflows.training.steps import made_ahead, make_step
from support.bag_of_words import BagConfig, BagOfWords
from support.small_world import write_posts


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "dgf-batches"]


def test_items_come_in_their_order_and_are_made_ahead() -> None:
    made: list[int] = []
    third = threading.Event()

    def items() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            if number == 2:
                third.set()
            yield number

    with made_ahead(items(), ahead=2) as ready:
        assert next(ready) == 0
        assert third.wait(10), "the third is made while the second waits"
        assert [0, *ready] == list(range(50)) == made
    assert threads() == []


def test_no_more_is_made_than_may_wait() -> None:
    made: list[int] = []
    with made_ahead((made.append(number) or number for number in range(50)), ahead=2) as ready:
        next(ready)
        while len(made) < 4:
            time.sleep(0.001)
        time.sleep(0.05)  # for a maker that does not stop
        assert len(made) == 4, "one taken, two ready, one that waits to be put"


def test_what_making_raises_comes_after_what_was_made_before() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError("at the second")

    with made_ahead(items()) as ready:
        assert next(ready) == 1
        with pytest.raises(ZeroDivisionError, match="at the second"):
            next(ready)
    assert threads() == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_no_thread_is_left_when_the_loop_breaks(error: type[BaseException]) -> None:
    with pytest.raises(error), made_ahead(iter(range(10**9))) as ready:
        next(ready)
        raise error
    assert threads() == []


class Maker:
    """Stands for a `BatchMaker`: a batch is its rows."""

    @property
    def examples(self) -> "Maker":
        return self

    def __call__(self, rows: Any) -> list[int]:
        return list(map(int, rows))

    text_batch = __call__


@pytest.mark.parametrize(("rows", "accumulate", "count"), [(10, 1, 1), (10, 3, 2), (3, 1, 2), (1, 1, 3), (2, 5, 2)])
def test_the_parts_of_all_processes_are_the_rows_of_the_step(rows: int, accumulate: int, count: int) -> None:
    order = np.arange(rows) * 7 % 11
    ranks = [
        make_step(Maker(), order, accumulate, Processes(rank, count), torch.device("cpu"))  # type: ignore[arg-type]
        for rank in range(count)
    ]
    met: list[int] = []
    for parts in zip(*ranks, strict=True):
        assert all(part.batch for part in parts), "every process takes part"
        own = [part.batch[: part.counts[rank]] for rank, part in enumerate(parts)]
        together = list(chain.from_iterable(own))
        assert all(part.whole == together for part in parts)
        met += together
    assert met == order.tolist()
    assert sum(part.weight for part in ranks[0]) == pytest.approx(1)
    assert len(ranks[0]) == min(accumulate, rows)


def test_no_step_waits_for_what_it_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the first and the last of twelve steps nothing of dgf reads a number from a tensor."""
    monkeypatch.setitem(catalog.MODEL_KINDS, "bag-of-words", catalog.ModelKind(BagConfig, {"demo": {}}))
    monkeypatch.setitem(networks.NETWORKS, BagConfig, BagOfWords)
    posts = write_posts(tmp_path / "posts")
    words = ["model.name=bag-of-words", "language_model=random:gpt2?n_layer=1&n_embd=32&n_head=2", "optim.batch_size=1"]
    config = resolve_config(
        "demo", None, [*words, "optim.epochs=1"], {"path": str(posts), "missing_images": "text-only"}
    )
    steps, reads = [0], []

    def count(*_: Any) -> None:
        steps[0] += 1

    def watch(name: str) -> None:
        read = getattr(torch.Tensor, name)

        def watched(tensor: torch.Tensor, *given: Any) -> Any:
            caller = sys._getframe(1)
            if 0 < steps[0] < 12 and str(caller.f_globals.get("__name__")).startswith("dgf."):
                reads.append(f"{name} at {caller.f_code.co_filename}:{caller.f_lineno}")
            return read(tensor, *given)

        monkeypatch.setattr(torch.Tensor, name, watched)

    for name in ("__float__", "__bool__", "__int__", "item", "tolist", "cpu", "numpy"):
        watch(name)
    handle = register_optimizer_step_post_hook(count)
    try:
        train(TrainSettings(config, tmp_path / "run", "cpu"))
    finally:
        handle.remove()
    assert steps[0] == 12 and reads == []
