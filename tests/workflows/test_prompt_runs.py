"""Prompting through train, eval and predict; and what a run is in which nothing learns."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from dgf.cli.main import cli
from dgf.model.baselines.prompt import Prompt
from dgf.model.checkpoint import load_model
from dgf.workflows.config import TrainConfig, resolve_config
from dgf.workflows.evaluate import EvalSettings, Evaluation, evaluate
from dgf.workflows.train import TrainSettings, train
from dgf.workflows.training.run_folder import RunFolder
from dgf.workflows.training.signals import TerminatedError
from support.caption_files import write_caption_files
from support.small_world import RELATIONS, write_posts

WORDS = ("model.name=prompt", "language_model=random:gpt2?n_layer=1&n_embd=32&n_head=2", "optim.batch_size=4")


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    return write_posts(tmp_path / "posts")


def configured(posts: Path, *words: str) -> TrainConfig:
    return resolve_config("demo", None, [*WORDS, *words], {"path": str(posts), "missing_images": "text-only"})


def weights(run: Path) -> dict[str, Tensor]:
    return dict(load_model(run).state_dict())


def test_a_run_in_which_nothing_learns_is_validated_once_and_saved(tmp_path: Path, posts: Path) -> None:
    run, config = tmp_path / "run", configured(posts, "model.fit=none", "optim.epochs=3")
    steps: list[int] = []
    handle = register_optimizer_step_post_hook(lambda *_: steps.append(1))
    try:
        summary = train(TrainSettings(config, run, "cpu"))
    finally:
        handle.remove()
    assert not steps and (summary.epochs, summary.best_epoch) == (1, 1)
    [line] = [json.loads(text) for text in (run / "metrics.jsonl").read_text().splitlines()]
    assert line["loss"] == {} and line["seconds"] == 0 and line["val"]["f1"] == summary.best_f1
    told = json.loads((run / "summary.json").read_text())
    assert told["trained_parameters"] == 0 and told["epochs"] == 1
    assert (run / "curves.png").is_file() and RunFolder(run).finished

    before = weights(run)
    again = train(TrainSettings(config, run, "cpu", resume=True))
    assert again.best_f1 == summary.best_f1 and again.epochs == 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(run).items())


def test_it_is_evaluated_and_answers_without_its_training_data(tmp_path: Path, posts: Path) -> None:
    run = tmp_path / "run"
    words = ["train", str(posts), "--preset", "demo", "--missing-images", "text-only", "--out", str(run)]
    done = CliRunner().invoke(cli, [*words, *WORDS, "model.fit=none"])
    assert done.exit_code == 0, done.output
    assert "nothing was trained; validation micro F1" in done.stdout and "epochs" not in done.stdout

    evaluation = evaluate(EvalSettings(run, device="cpu"))
    rows = [json.loads(line) for line in (evaluation.out / "predictions.jsonl").read_text().splitlines()]
    assert len(rows) == 6 and {row["relation"] for row in rows} <= set(RELATIONS)

    (posts / "train.jsonl").unlink()
    words = ["predict", str(run), str(posts / "test.jsonl"), "--missing-images", "text-only"]
    answers = CliRunner().invoke(cli, words)
    assert answers.exit_code == 0, answers.output
    assert [json.loads(line)["best"] for line in answers.stdout.splitlines()] == [row["best"] for row in rows]


def test_demonstrations_come_from_the_training_rows_that_were_drawn(tmp_path: Path, posts: Path) -> None:
    for split, name in (("train", "Trudy"), ("val", "Victor"), ("test", "Tessa")):
        file = posts / f"{split}.jsonl"
        file.write_text(file.read_text().replace("Alice", name))
    train(TrainSettings(configured(posts, "data.shots=1", "model.demonstrations=3"), tmp_path / "run", "cpu"))
    model = load_model(tmp_path / "run")
    assert isinstance(model, Prompt)
    shown = [model.language_model.tokenizer.decode(line[line >= 0].tolist()) for line in model.demonstrations]
    assert all(text.startswith("Sentence:\nTrudy joins Club") for text in shown) and len(set(shown)) == 3
    assert sum("not related" in text for text in shown) == sum("is a peer" in text for text in shown) == 1


def test_captions_are_asked_with_wherever_a_run_is_asked(tmp_path: Path, posts: Path) -> None:
    files = [str(file) for file in write_caption_files(posts, without=("test-1.png",)).values()]
    data = {"path": str(posts), "captions": files, "missing_images": "text-only"}
    keys = ("model.captions=true", "model.fit=none", "model.demonstrations=1")
    run = tmp_path / "run"
    train(TrainSettings(resolve_config("demo", None, [*WORDS, *keys], data), run, "cpu"))
    model = load_model(run)
    assert isinstance(model, Prompt)
    shown = model.language_model.tokenizer.decode(model.demonstrations[0, :24].tolist())
    assert shown.startswith("Photo:\na picture of train")
    assert "| caption | from files, at most 32 tokens |" in (run / "README.md").read_text()

    def said(name: str, **asked: Any) -> Evaluation:
        return evaluate(EvalSettings(run, out=tmp_path / name, device="cpu", page=False, **asked))

    # each row with a caption is explained by it, and those of others or none are other questions
    own = said("own", explain=True)
    rows = [json.loads(line) for line in (own.out / "predictions.jsonl").read_text().splitlines()]
    effects = {row["id"]: row["attributions"]["effects"] for row in rows if "attributions" in row}
    assert effects.keys() == {"test:0", "test:1", "test:4", "test:5"}
    assert all(effect.keys() == {"caption"} and effect["caption"] != 0 for effect in effects.values())
    assert own.report["rows_with_caption"] == 4
    assert own.report["protocols"]["captions"].startswith("each photo's own, of files (sha256 ")
    others, none = said("others", data={"captions_of": "others"}), said("none", data={"captions": None})
    assert "captions are those of other photos (control)" in others.report["protocol"]
    lines = [(tmp_path / name / "predictions.jsonl").read_text().splitlines() for name in ("own", "others", "none")]
    best = [[json.loads(line)["best"] for line in of] for of in lines]
    assert [row for row in range(6) if best[0][row] != best[1][row]] == [0, 1, 4, 5]
    assert [row for row in range(6) if best[0][row] != best[2][row]] == [0, 1, 4, 5]
    assert none.report["rows_with_caption"] == 0

    # and the same posts are answered alike
    done = CliRunner().invoke(cli, ["predict", str(run), str(posts / "test.jsonl"), "--missing-images", "text-only"])
    assert done.exit_code == 0, done.output
    assert [json.loads(line)["best"] for line in done.stdout.splitlines()] == best[0]


def test_what_learns_is_saved_and_goes_on_exactly(tmp_path: Path, posts: Path) -> None:
    config = configured(posts, "optim.epochs=4", "optim.checkpoint_every=1")
    summary = train(TrainSettings(config, tmp_path / "whole", "cpu"))
    assert summary.cost["trained_parameters"] == len(RELATIONS) + 1
    losses = [
        json.loads(line)["loss"]["total"] for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()
    ]
    assert losses[-1] < losses[0]
    assert weights(tmp_path / "whole")["bias"].abs().max() > 0.01

    steps: list[int] = []

    def end_after_five(*_: object) -> None:
        steps.append(1)
        if len(steps) == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    handle = register_optimizer_step_post_hook(end_after_five)
    try:
        with pytest.raises(TerminatedError, match="saved in epoch 2 after step 2"):
            train(TrainSettings(config, tmp_path / "ended", "cpu"))
        train(TrainSettings(config, tmp_path / "ended", "cpu", resume=True))
    finally:
        handle.remove()
    assert len(steps) == 12
    whole, ended = weights(tmp_path / "whole"), weights(tmp_path / "ended")
    assert whole.keys() == ended.keys() and all(torch.equal(whole[name], ended[name]) for name in whole)
