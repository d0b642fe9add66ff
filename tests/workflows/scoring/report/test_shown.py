"""The posts of a real evaluation, joined with what the model was shown of each."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from dgf.pipeline.features import read_seen
from dgf.workflows.config import change_data, resolve_config
from dgf.workflows.data import open_corpus, read_configured
from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.scoring import answer
from dgf.workflows.scoring.report import ShownPost, make_page, show_posts
from dgf.workflows.train import TrainSettings, train
from dgf.workflows.training.run_folder import RunFolder
from support.browser import open_page
from support.small_world import TINY, write_posts, write_shards

Shower = Callable[..., list[ShownPost]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Posts, features and captions, and a run on them."""
    root = tmp_path_factory.mktemp("shown")
    write_posts(root / "posts")
    write_shards(root / "posts", root / "features", root / "captions")
    data = {name: str(root / name) for name in ("features", "captions")} | {"path": str(root / "posts")}
    train(TrainSettings(resolve_config("demo", None, [*TINY, "optim.epochs=1"], data), root / "run", "cpu"))
    return root


@pytest.fixture(scope="module")
def shower(world: Path) -> Shower:
    """Evaluates the run, its data section changed, and joins posts and answers."""

    def evaluate_and_show(**data: object) -> list[ShownPost]:
        folder = RunFolder(world / "run")
        config = change_data(folder.finished_config(), data)
        corpus = open_corpus(config, read_configured(config.data), torch.device("cpu"))
        given: dict[str, Any] = {"device": torch.device("cpu"), "batch_size": 4, "split": "test", "explain": True}
        answers = answer(folder, config, corpus, corpus.split("test"), **given)
        return show_posts(corpus, answers, list(answers.rows()))

    return evaluate_and_show


def test_each_post_comes_with_its_answer_photo_objects_and_caption(world: Path, shower: Shower) -> None:
    shown, seen = shower(), read_seen(world / "features")
    assert [row.post.id for row in shown] == [f"test:{number}" for number in range(6)]
    for number, row in enumerate(shown):
        name = f"test-{number // 2}.png"
        assert row.answer["id"] == row.post.id and "effects" in row.answer["attributions"]
        assert (row.image_id, row.caption) == (name, f"a picture of {name}")
        assert row.objects is not None and row.objects.names == seen[name].names
        assert (row.objects.boxes == seen[name].boxes).all()


def test_what_the_model_was_not_shown_is_not_told_of_it(shower: Shower) -> None:
    shown = shower(image_share=0.4)
    told = [row for row in shown if row.objects is not None]
    assert 0 < len(told) < len(shown)
    for row in shown:
        assert bool(row.caption) == (row.objects is not None)
        assert row.image_id, "the post has its photo all the same"


def test_the_caption_is_the_one_that_was_read(shower: Shower) -> None:
    shown = shower(captions_of="others")
    assert all(row.caption and row.image_id not in row.caption for row in shown)


def test_the_page_of_an_evaluation_can_be_read(world: Path, shower: Shower, tmp_path: Path, browser: Any) -> None:
    evaluation = evaluate(EvalSettings(world / "run", out=tmp_path, device="cpu"))
    assert evaluation.scores is not None
    report = {**evaluation.report, "scores": asdict(evaluation.scores)}
    (tmp_path / "report.html").write_bytes(make_page(report, shower(), world / "posts"))
    opened = open_page(browser, tmp_path / "report.html")
    assert (opened.complaints, opened.missing_pictures()) == ([], 0)
    assert opened.page.locator("article").count() == 6
    assert evaluation.report["protocol"] in opened.page.locator(".facts").inner_text()
