"""Runs on text and on captions from files, without feature shards."""

import json
from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.workflows.config import resolve_config
from dgf.workflows.evaluate import EvalSettings, Evaluation, evaluate
from dgf.workflows.train import TrainSettings, TrainSummary, train
from support.caption_files import write_caption_files
from support.command import dgf
from support.small_world import RELATIONS, TINY, write_posts, write_shards


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_posts(tmp_path_factory.mktemp("world") / "posts")


def trained(posts: Path, out: Path, files: dict[str, Path], *words: str, **data: object) -> TrainSummary:
    given = {"path": str(posts), "captions": [str(file) for file in files.values()], **data}
    return train(TrainSettings(resolve_config("demo", None, [*TINY, "optim.epochs=1", *words], given), out, "cpu"))


def predictions(evaluation: Evaluation) -> bytes:
    return (evaluation.out / "predictions.jsonl").read_bytes()


@pytest.mark.parametrize("plm", ["frozen", "full"])
def test_captions_reach_the_prediction_of_a_run_without_features(plm: str, posts: Path, tmp_path: Path) -> None:
    files = write_caption_files(posts)
    summary = trained(posts, tmp_path / "run", files, f"model.plm={plm}")
    assert (summary.rows, summary.text_only) == (12, 0)
    own = evaluate(EvalSettings(tmp_path / "run", out=tmp_path / "own", device="cpu"))
    assert own.report["rows_with_caption"] == 6 and own.report["captions_of"] == "own"
    assert own.report["captioner"].startswith("files:") and own.report["features"] is None

    # the captions of the split alone say the same, others something else, none at all something else again
    alone = {"captions": str(files["test"])}
    same = evaluate(EvalSettings(tmp_path / "run", out=tmp_path / "same", device="cpu", data=alone))
    told = [predictions(own), predictions(same)]
    for name, data in (
        ("other", {"captions": str(write_caption_files(posts, "nothing like")["test"])}),
        ("none", {"captions": None, "missing_images": "text-only"}),
        ("drawn", {"captions_of": "others"}),
        ("dark", {"image_share": 0}),
        ("drawn-again", {"captions_of": "others", "seed": 3}),
    ):
        told.append(predictions(evaluate(EvalSettings(tmp_path / "run", out=tmp_path / name, device="cpu", data=data))))
    assert told[0] == told[1] and told[3] == told[5] and len(set(told)) == 5


def test_captions_change_what_is_learned(posts: Path, tmp_path: Path) -> None:
    files, other = write_caption_files(posts), write_caption_files(posts, "nothing like")
    losses = []
    for name, given, words in (
        ("own", files, ()),
        ("again", files, ()),
        ("other", other, ()),
        ("control", files, ("data.captions_of=others",)),
        ("short", files, ("data.max_caption=1",)),
    ):
        trained(posts, tmp_path / name, given, *words)
        losses.append(json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[0])["loss"]["total"])
    assert losses[0] == losses[1] and len(set(losses)) == 4


def test_captions_that_the_model_does_not_read_are_said(
    posts: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = write_caption_files(posts)
    trained(posts, tmp_path / "fused", files)
    assert "reads none" not in caplog.text
    trained(posts, tmp_path / "off", files, "model.fusion=off")
    assert "captions were given, and this model reads none" in caplog.text


def test_files_in_a_row_are_told_how_to_be_given(posts: Path, tmp_path: Path) -> None:
    files = list(write_caption_files(posts).values())
    done = dgf("train", posts, "--captions", *files, "--out", tmp_path / "run")
    assert done.code == 2 and "give --captions again before each further file" in done.err


def test_a_control_says_so_beside_every_figure(posts: Path, tmp_path: Path) -> None:
    files = write_caption_files(posts)
    options = [word for file in files.values() for word in ("--captions", file)]
    words = (*TINY, "optim.epochs=1", "data.captions_of=others")
    note = "captions are those of other photos (control)"
    done = dgf("train", posts, *words, *options, "--preset", "demo", "--out", tmp_path / "run", "--device", "cpu")
    assert done.code == 0 and f"protocol: {note}" in done.out, done.said
    shown = dgf("eval", tmp_path / "run", "--device", "cpu")
    assert f"protocol: {note}, of files (sha256 " in shown.out and "no label reaches" not in shown.out
    report = json.loads((tmp_path / "run" / "eval-test" / "report.json").read_text())
    assert report["captions_of"] == "others" and report["rows_with_caption"] == 6


def test_no_relation_draws_photos_rows_or_captions_of_the_evaluated_split(posts: Path, tmp_path: Path) -> None:
    trained(posts, tmp_path / "run", write_caption_files(posts), "data.captions_of=others", "data.shots=2")
    told = []
    for name, relations in (("one", RELATIONS), ("other", RELATIONS[::-1])):
        data = {"path": str(write_posts(tmp_path / name, relations=relations)), "image_share": 0.5}
        run = evaluate(EvalSettings(tmp_path / "run", out=tmp_path / f"of-{name}", device="cpu", data=data))
        told.append(predictions(run))
    assert told[0] == told[1]


def test_photos_without_a_caption_are_counted_and_said(posts: Path, tmp_path: Path) -> None:
    files = write_caption_files(posts, "some of", without=("train-0.png", "train-3.png", "test-1.png"))
    options = [word for file in files.values() for word in ("--captions", file)]
    words = (*TINY, "optim.epochs=1")
    done = dgf("train", posts, *words, *options, "--preset", "demo", "--out", tmp_path / "run", "--device", "cpu")
    assert done.code == 0 and "12 rows (4 with nothing but text" in done.out
    assert "train: captions for 4 of the 6 photos" in done.err and "val: captions for 3 of the 3 photos" in done.err
    shown = dgf("eval", tmp_path / "run", "--device", "cpu")
    assert shown.code == 0 and "test: captions for 2 of the 3 photos" in shown.err
    assert "6 rows, 2 of them with nothing but text" in shown.out


def test_captions_of_no_photo_here_are_refused(posts: Path, tmp_path: Path) -> None:
    files = write_caption_files(posts)
    files["train"].write_text("{'img_id': 'elsewhere.png', 'text': 'a dog'}\n")
    alone = {"train": files["train"]}
    with pytest.raises(UserError, match=r"no caption for a photo .* such as train-0\.png; there is one for elsewhere"):
        trained(posts, tmp_path / "run", alone)
    assert not (tmp_path / "run").exists()
    assert trained(posts, tmp_path / "run", alone, missing_images="text-only").text_only == 12


def test_a_run_goes_on_with_no_other_photos(posts: Path, tmp_path: Path) -> None:
    own = write_posts(tmp_path / "posts")
    trained(own, tmp_path / "run", write_caption_files(posts))
    config = resolve_config(file=tmp_path / "run" / "config.yaml")
    train(TrainSettings(config, tmp_path / "run", "cpu", resume=True))
    file = own / "val.jsonl"
    file.write_text(file.read_text().replace("val-2.png", "val-1.png"))
    with pytest.raises(UserError, match=r"has changed \(photos of the validation split\)"):
        train(TrainSettings(config, tmp_path / "run", "cpu", resume=True))


def test_a_row_with_nothing_but_a_caption_is_explained_by_it(posts: Path, tmp_path: Path) -> None:
    trained(posts, tmp_path / "run", write_caption_files(posts, "some of", without=("test-1.png",)))
    plain = evaluate(EvalSettings(tmp_path / "run", out=tmp_path / "plain", device="cpu"))
    assert all("attributions" not in json.loads(line) for line in predictions(plain).splitlines())
    shown = evaluate(EvalSettings(tmp_path / "run", out=tmp_path / "explained", device="cpu", explain=True))
    rows = [json.loads(line) for line in predictions(shown).splitlines()]
    effects = [row["attributions"]["effects"] for row in rows if "attributions" in row]
    assert [row["id"] for row in rows if "attributions" not in row] == ["test:2", "test:3"], "without a caption"
    assert all(effect.keys() == {"caption"} and effect["caption"] != 0 for effect in effects)
    assert shown.report["effects"].keys() == {"caption"}


def test_files_beside_features(posts: Path, tmp_path: Path) -> None:
    write_shards(posts, tmp_path / "features")
    features = {"features": str(tmp_path / "features")}
    trained(posts, tmp_path / "run", write_caption_files(posts), **features)
    both = evaluate(EvalSettings(tmp_path / "run", out=tmp_path / "both", device="cpu"))
    assert both.report["rows_with_caption"] == 6 and both.report["features"]
    other = {"captions": str(write_caption_files(posts, "nothing like")["test"])}
    assert predictions(both) != predictions(
        evaluate(EvalSettings(tmp_path / "run", out=tmp_path / "other", device="cpu", data=other))
    )
    assert all("attributions" in json.loads(line) for line in predictions(both).splitlines())


def test_changed_captions_are_said_and_a_run_without_captions_reads_none(posts: Path, tmp_path: Path) -> None:
    files = write_caption_files(posts)
    trained(posts, tmp_path / "run", files)
    assert "are they of the same captioner?" not in dgf("eval", tmp_path / "run", "--device", "cpu").err
    shown = dgf("eval", tmp_path / "run", "--device", "cpu", "--captions", files["test"])
    assert shown.code == 0 and "are they of the same captioner?" in shown.err
    trained(posts, tmp_path / "text", files, captions=None, missing_images="text-only")
    with pytest.raises(UserError, match="was trained without captions"):
        evaluate(EvalSettings(tmp_path / "text", device="cpu", data={"captions": str(files["test"])}))
    files["val"].write_text(files["val"].read_text().replace("picture", "painting"))
    with pytest.raises(UserError, match=r"begun with has changed \(captioner, captions\)"):
        config = resolve_config(file=tmp_path / "run" / "config.yaml")
        train(TrainSettings(config, tmp_path / "run", "cpu", resume=True))


def test_posts_of_the_run_are_predicted_with_its_captions(posts: Path, tmp_path: Path) -> None:
    trained(posts, tmp_path / "run", write_caption_files(posts), "data.captions_of=others")
    shown = evaluate(EvalSettings(tmp_path / "run", device="cpu", data={"captions_of": "own"}))
    done = dgf("predict", tmp_path / "run", posts / "test.jsonl", "--device", "cpu", "--out", tmp_path / "answers")
    assert done.code == 0 and "0 of them with nothing but text" in done.err, done.said
    assert (tmp_path / "answers").read_bytes() == predictions(shown), "with their own captions, as the control was not"


def test_other_posts_never_get_a_caption_of_the_run(posts: Path, tmp_path: Path) -> None:
    """Their photos are called as the run's are."""
    files = write_caption_files(posts, "words of")
    trained(posts, tmp_path / "run", files)
    (tmp_path / "new.jsonl").write_text((posts / "test.jsonl").read_text())
    words = ("predict", tmp_path / "run", tmp_path / "new.jsonl", "--device", "cpu")
    refused = dgf(*words)
    assert refused.code == 1 and "no caption for a photo such as test-0.png" in refused.err
    assert "Give --captions" in refused.err

    # with captions of their own
    theirs = write_caption_files(posts, "something else")["test"]
    done = dgf(*words, "--captions", theirs, "--out", tmp_path / "answers")
    assert done.code == 0 and "0 of them with nothing but text" in done.err, done.said
    data = {"captions": str(theirs)}
    shown = evaluate(EvalSettings(tmp_path / "run", out=tmp_path / "theirs", device="cpu", data=data))
    assert (tmp_path / "answers").read_bytes() == predictions(shown)
    assert "is a folder" in dgf(*words, "--captions", tmp_path).err

    # on text alone, for which no file of the run's is opened
    for file in files.values():
        file.unlink()
    done = dgf(*words, "--missing-images", "text-only", "--out", tmp_path / "answers")
    assert done.code == 0 and "6 of them without a photo" in done.err, done.said
    data = {"captions": None, "missing_images": "text-only"}
    shown = evaluate(EvalSettings(tmp_path / "run", out=tmp_path / "text", device="cpu", data=data))
    assert (tmp_path / "answers").read_bytes() == predictions(shown)


def test_few_shots_train_on_few_rows_and_say_so(posts: Path, tmp_path: Path) -> None:
    files = write_caption_files(posts)
    summary = trained(posts, tmp_path / "run", files, "data.shots=2")
    assert summary.rows == 6
    facts = json.loads((tmp_path / "run" / "data.json").read_text())
    assert facts["training_rows"] == dict.fromkeys(RELATIONS, 2) and facts["rows"] == 6
    report = evaluate(EvalSettings(tmp_path / "run", split="train", device="cpu")).report
    assert (report["rows"], report["training_rows"], report["shots"], report["train_share"]) == (12, 6, 2, 1)
    assert trained(posts, tmp_path / "half", files, "data.train_share=0.5").rows == 6
