"""`dgf bench predict` on a tiny run: one line of JSON with both sides, over the posts that are there."""

import json
from pathlib import Path
from typing import Any

import pytest

from dgf.workflows.bench import predict
from support.command import dgf
from support.small_world import TINY, write_posts


def test_both_sides_see_every_post_in_the_same_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posts, run = write_posts(tmp_path / "posts"), tmp_path / "run"
    options = ("--missing-images", "text-only", "--device", "cpu", *TINY, "optim.epochs=1")
    trained = dgf("train", posts, "--out", run, *options)
    assert trained.code == 0, trained.said

    done = dgf("bench", "predict", run, "--rows", "9", "--batch-size", "4", "--rounds", "1", "--device", "cpu")
    result = json.loads(done.out)
    assert (result["bench"], result["device"], result["rows"], result["batch"]) == ("predict", "cpu", 9, 4), done.said
    assert result["ratio"] == pytest.approx(result["rows_per_second"] / result["limit_rows_per_second"], rel=0.01)

    seen: list[list[tuple[int, ...]]] = []

    def watch(ours: Any, limit: Any, *, rounds: int, device: Any) -> tuple[float, float]:
        for side in (ours, limit):
            seen.append([])
            side()
        return 1.0, 1.0

    def note(_: Any, given: Any) -> None:
        if seen:
            seen[-1].append(tuple(given[0].tokens.shape))

    build = predict.PostAnswerer

    def watched(*given: Any) -> Any:
        answerer = build(*given)
        answerer.network.register_forward_pre_hook(
            lambda _, batch: seen[-1].append(batch[0].tokens.shape) if seen else None
        )
        return answerer

    monkeypatch.setattr(predict, "in_turns", watch)
    monkeypatch.setattr(predict, "PostAnswerer", watched)
    done = dgf("bench", "predict", run, posts / "test.jsonl", "--batch-size", "4", "--device", "cpu")
    assert json.loads(done.out)["rows"] == 6 and seen[0] == seen[1] and [rows for rows, _ in seen[0]] == [4, 2], seen
    (tmp_path / "bad.jsonl").write_text('{"text": "Ada met Bo"}\n')
    refused = dgf("bench", "predict", run, tmp_path / "bad.jsonl", "--device", "cpu")
    (tmp_path / "empty.jsonl").write_text("\n")
    empty = dgf("bench", "predict", run, tmp_path / "empty.jsonl", "--device", "cpu")
    assert empty.code == 1 and f"{tmp_path / 'empty.jsonl'}: holds no row" in empty.err, empty.said
    assert refused.code == 1 and "bad.jsonl:1: head must be an object" in refused.err
