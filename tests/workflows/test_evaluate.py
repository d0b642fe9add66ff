import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import read_dataset
from dgf.workflows.compare import compare_runs
from dgf.workflows.config import TrainConfig, resolve_config
from dgf.workflows.data.captions import CaptionTable
from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.scoring import check_report
from dgf.workflows.train import TrainSettings, train
from support.command import dgf
from support.leaky_posts import write_leaky
from support.small_world import TINY, write_posts
from support.uneven_posts import RELATIONS, UnevenPosts, write_uneven_posts


def write_splits(world: UnevenPosts) -> None:
    """The posts that have a photo as a data set, the same ones in every split."""
    (world.folder / "relations.json").write_text(json.dumps({name: i for i, name in enumerate(RELATIONS)}))
    for split in ("train", "val", "test"):
        rows = [
            {
                "id": f"{split}-{post.id}",
                "tokens": post.tokens,
                "head": {"span": [post.head.start, post.head.end]},
                "tail": {"span": [post.tail.start, post.tail.end]},
                "image": post.image_ids[0],
                "relation": post.relation,
            }
            for post in world.posts
            if post.image_ids
        ]
        (world.folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def config_of(world: UnevenPosts, *words: str) -> TrainConfig:
    data = {"path": str(world.folder), "features": str(world.features), "captions": str(world.captions)}
    return resolve_config("demo", None, [*TINY, "optim.epochs=1", *words], data)


def test_a_run_trained_with_half_of_the_photos_is_evaluated_with_all_of_them(tmp_path: Path) -> None:
    world = write_uneven_posts(tmp_path)
    write_splits(world)
    summary = train(TrainSettings(config_of(world, "data.image_share=0.5"), tmp_path / "run", "cpu"))
    assert summary.rows == 6 and 0 < summary.text_only < 6, "the test split shows the photos that training left out"
    evaluation = evaluate(EvalSettings(tmp_path / "run", device="cpu"))
    report = json.loads((evaluation.out / "report.json").read_text())
    assert (report["rows"], report["text_only_rows"], report["image_share_in_training"]) == (6, 0, 0.5)
    rows = [json.loads(line) for line in (evaluation.out / "predictions.jsonl").read_text().splitlines()]
    assert len(rows) == 6
    assert all(sum(row["attributions"]["relevance"]["tail"]) == pytest.approx(1, abs=1e-4) for row in rows)


def test_two_systems_are_compared_on_the_rows_of_both(tmp_path: Path) -> None:
    world = write_uneven_posts(tmp_path)
    write_splits(world)
    for name in ("a", "b"):
        train(TrainSettings(config_of(world, "seed=1"), tmp_path / name, "cpu"))
    first, second = (evaluate(EvalSettings(tmp_path / name, device="cpu")) for name in ("a", "b"))
    found = compare_runs([first], [second])
    assert (found.runs, found.difference, found.p_value) == (1, 0, None)
    # other rows than the first's are refused
    (world.folder / "test.jsonl").write_text((world.folder / "test.jsonl").read_text().split("\n", 1)[1])
    fewer = evaluate(EvalSettings(tmp_path / "b", device="cpu"))
    with pytest.raises(UserError, match="evaluated on other rows"):
        compare_runs([first], [fewer])
    with pytest.raises(ValueError, match="as many runs"):
        compare_runs([first], [])
    with pytest.raises(UserError, match="is named twice"):
        compare_runs([first, first], [second, first])
    unequal = dgf("eval", tmp_path / "a", tmp_path / "b", "--against", tmp_path / "b", "--device", "cpu")
    assert unequal.code == 2 and "2 runs cannot be compared with 1" in unequal.err


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on six posts with five photos."""
    root = tmp_path_factory.mktemp("shares")
    world = write_uneven_posts(root)
    write_splits(world)
    train(TrainSettings(config_of(world), root / "run", "cpu"))
    return root / "run"


def test_a_share_of_the_photos_is_shown_at_evaluation_and_stands_in_the_report(run: Path, tmp_path: Path) -> None:
    shown: list[set[str]] = []
    for share, photos in ((0, 0), (0.2, 1), (0.6, 3), (1, 5)):
        done = dgf("eval", run, "--device", "cpu", "--image-share", share, "--out", tmp_path / f"{share}")
        assert done.code == 0, done.said
        report = json.loads((tmp_path / f"{share}" / "report.json").read_text())
        assert (report["image_share"], report["image_share_in_training"]) == (share, 1)
        rows = [json.loads(line) for line in (tmp_path / f"{share}" / "predictions.jsonl").read_text().splitlines()]
        shown.append({row["id"] for row in rows if "attributions" in row})
        assert report["text_only_rows"] == 6 - len(shown[-1]) and report["rows_with_caption"] == len(shown[-1])
        assert photos <= len(shown[-1]) <= photos + 1, "two posts show the same photo"
    assert shown[0] < shown[1] < shown[2] < shown[3]


def test_changes_of_the_data_section_are_checked(run: Path, tmp_path: Path) -> None:
    half = evaluate(EvalSettings(run, out=tmp_path / "half", device="cpu", data={"image_share": 0.4}))
    assert half.report["image_share"] == 0.4
    with pytest.raises(UserError, match=r"2 fault\(s\)(?s:.*)data\.image_shar: unknown key(?s:.*)data\.missing_images"):
        changes = {"image_shar": 0.5, "missing_images": "sometimes"}
        evaluate(EvalSettings(run, out=tmp_path / "none", device="cpu", data=changes))
    assert dgf("eval", run, "--image-share", 1.5).code == 2
    assert not (tmp_path / "none").exists()


def report_of(folder: Path) -> dict[str, Any]:
    """A report as it was written, checked against the schema."""
    text = (folder / "report.json").read_text()
    check_report(text)
    report: dict[str, Any] = json.loads(text)
    return report


def test_a_report_has_the_keys_of_its_schema_also_without_relations(run: Path, tmp_path: Path) -> None:
    shares = ("--photo-shares", "0,0.6,1")
    done = dgf("eval", run, "--device", "cpu", "--explain", *shares, "--out", tmp_path / "all")
    assert done.code == 0, done.said
    report = report_of(tmp_path / "all")
    assert report["scores"]["confusion"]["relations"] and report["scores"]["calibration"]["bins"]
    assert report["scores"]["intervals"] is None, "six rows are too few"
    assert [(s["share"], s["photos"]) for s in report["by_share"]] == [(0, 0), (0.6, 3), (1, 5)]
    assert report["by_share"][-1]["f1"] == report["scores"]["f1"]
    assert "60% of the photos (3)" in done.out
    alone = dgf("eval", run, "--device", "cpu", "--image-share", 0, "--out", tmp_path / "text")
    assert (
        report_of(tmp_path / "text")["scores"]["f1"] == report["by_share"][0]["f1"]
        and "% of the photos (" not in alone.out
    )

    # rows to be classified, of which nothing is known
    rows = [json.loads(line) for line in (run.parent / "posts" / "test.jsonl").read_text().splitlines()]
    unknown = "".join(json.dumps({k: v for k, v in row.items() if k != "relation"}) + "\n" for row in rows)
    (tmp_path / "posts.jsonl").write_text(unknown)
    data = {"path": str(tmp_path / "posts.jsonl")}
    evaluate(EvalSettings(run, "posts", tmp_path / "unknown", "cpu", photo_shares=(0.0,), data=data))
    report = report_of(tmp_path / "unknown")
    assert report["scores"] is None and report["by_share"] is None and report["rows_without_relation"] == 6


def test_shares_that_are_none_are_refused(run: Path, tmp_path: Path) -> None:
    done = dgf("eval", run, "--photo-shares", "0,half", "--out", tmp_path / "none")
    assert done.code == 1 and "not numbers from 0 to 1" in done.err
    data = {"features": None, "captions": None, "missing_images": "text-only"}
    with pytest.raises(UserError, match="evaluated without photos"):
        evaluate(EvalSettings(run, out=tmp_path / "none", device="cpu", photo_shares=(0.5,), data=data))
    assert not (tmp_path / "none").exists()


def test_the_report_says_where_everything_came_from(run: Path, tmp_path: Path) -> None:
    said = evaluate(EvalSettings(run, out=tmp_path / "a", device="cpu", data={"image_share": 0.4})).report
    assert said["protocol"] == "no label reaches a prediction" and said["oracle"] is False
    said = said["protocols"]
    assert said["types"] == "are predicted by the network"
    assert said["photos"].startswith("40% are shown, drawn by the seed 0, as features ")
    assert said["captions"].startswith("each photo's own, of captioner ")
    assert said["selection"] == "epoch 1 of 1 has the best micro F1 on the validation split"
    data = {"features": None, "captions": None, "missing_images": "text-only"}
    said = evaluate(EvalSettings(run, out=tmp_path / "b", device="cpu", data=data)).report["protocols"]
    assert said["photos"] == said["captions"] == "none is read"


@pytest.mark.parametrize("entity_types", ["file", "predicted", "none"])
def test_given_types_are_named_with_their_digest_beside_every_figure(entity_types: str, tmp_path: Path) -> None:
    world = write_uneven_posts(tmp_path)
    write_splits(world)
    rows = [json.loads(line) for s in ("train", "val", "test") for line in (world.folder / f"{s}.jsonl").open()]
    types = tmp_path / "types.jsonl"
    types.write_text("".join(json.dumps({"id": row["id"], "head": "per", "tail": "org"}) + "\n" for row in rows))
    digest = hashlib.sha256(types.read_bytes()).hexdigest()
    config = config_of(world, f"model.entity_types={entity_types}")
    train(TrainSettings(replace(config, data=replace(config.data, types=str(types))), tmp_path / "run", "cpu"))
    shown = dgf("eval", tmp_path / "run", tmp_path / "run", "--device", "cpu")
    report = report_of(tmp_path / "run" / "eval-test")
    assert report["types"]["sha256"] == digest
    for text in (report["protocol"], report["protocols"]["types"], *shown.out.split("mean and deviation")):
        assert f"{types} (sha256 {digest[:12]})" in text and "no label reaches" not in text

    # types in the data set itself are a file like any other
    for split in ("train", "val", "test"):
        file = world.folder / f"{split}.jsonl"
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        file.write_text("".join(json.dumps({**row, "head": {**row["head"], "type": "per"}}) + "\n" for row in rows))
    report = evaluate(EvalSettings(tmp_path / "run", device="cpu", data={"types": None})).report
    assert (
        f"the posts of {world.folder} (sha256 " in report["protocol"] and "no label reaches" not in report["protocol"]
    )


def test_shares_of_the_photos_read_the_captions_of_the_evaluated_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = write_posts(tmp_path / "posts")
    file = tmp_path / "captions.jsonl"
    images = [f"{split}-{i}.png" for split in ("train", "val", "test") for i in range(6)]
    file.write_text("".join(json.dumps({"image_id": name, "caption": f"it is {name}"}) + "\n" for name in images))
    data = {"path": str(posts), "captions": str(file), "missing_images": "text-only"}
    train(TrainSettings(resolve_config("demo", None, [*TINY, "optim.epochs=1"], data), tmp_path / "run", "cpu"))
    asked: list[str] = []
    find = CaptionTable.find

    def listen(table: CaptionTable, split: str, *rest: Any) -> Any:
        asked.append(split)
        return find(table, split, *rest)

    monkeypatch.setattr(CaptionTable, "find", listen)
    report = evaluate(EvalSettings(tmp_path / "run", device="cpu", photo_shares=(0.5, 1.0))).report
    assert len(asked) == 3 and set(asked) == {"test"}
    # nobody can know what whoever wrote a file of captions had in sight
    assert report["protocol"].startswith("captions are each photo's own, of files (sha256 ")


def test_types_that_name_the_relation_are_a_leak_whatever_the_negative_relation_is_called(tmp_path: Path) -> None:
    posts, _ = write_leaky(tmp_path, seed=0, planted=False, sizes={"train": 60, "val": 20, "test": 60})
    for file in posts.iterdir():
        file.write_text(file.read_text().replace('"None"', '"unrelated"'))
    types = tmp_path / "types.jsonl"
    with types.open("w") as lines:
        for post in read_dataset(posts).posts:
            pair = str(post.relation).split("/")[1:3] if post.relation != "unrelated" else (None, None)
            lines.write(json.dumps({"id": post.id, "head": pair[0], "tail": pair[1]}) + "\n")
    words = [*TINY, "optim.epochs=1", "model.entity_types=file"]
    for negative in ("unrelated", ""):
        data = {"path": str(posts), "types": str(types), "missing_images": "text-only", "negative_label": negative}
        run = tmp_path / f"run-{negative}"
        train(TrainSettings(resolve_config("demo", None, words, data), run, "cpu"))
        report = evaluate(EvalSettings(run, device="cpu")).report
        assert report["oracle"] is True and report["negative_label"] == (negative or None)


@pytest.mark.parametrize("entity_types", ["file", "predicted"])
def test_types_made_of_the_gold_relations_are_called_a_leak_wherever_figures_of_them_stand(
    entity_types: str, tmp_path: Path
) -> None:
    posts, _ = write_leaky(tmp_path, seed=0, planted=False, sizes={"train": 60, "val": 20, "test": 60})
    types = tmp_path / "types.jsonl"
    with types.open("w") as file:
        for post in read_dataset(posts).posts:
            head, tail = str(post.relation).split("/")[1:3] if post.relation != "None" else (None, None)
            file.write(json.dumps({"id": post.id, "head": head, "tail": tail}) + "\n")
    data = {"path": str(posts), "types": str(types), "missing_images": "text-only"}
    words = [*TINY, "optim.epochs=1", f"model.entity_types={entity_types}"]
    train(TrainSettings(resolve_config("demo", None, words, data), tmp_path / "run", "cpu"))
    shown = dgf("eval", tmp_path / "run", "--device", "cpu")
    report = report_of(tmp_path / "run" / "eval-test")
    page = (tmp_path / "run" / "eval-test" / "report.html").read_text(encoding="utf-8")
    for text in (report["protocol"], report["protocols"]["types"], shown.out, page):
        assert "these types give the relation away" in text and "no label reaches" not in text
    first = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[0])
    assert first.get("protocol") == (f"types are given by {types}" if entity_types == "file" else None)
    # types that training alone reads reach no prediction
    assert report["oracle"] is (entity_types == "file")
    assert ("oracle-types (leak the label)" in shown.out) is (entity_types == "file")


def test_several_runs_are_written_side_by_side(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "both"
    seeds = [shutil.copytree(run, tmp_path / f"seed-{seed}") for seed in range(3)]
    against = [word for seed in seeds for word in ("--against", seed)]
    done = dgf("eval", *seeds, *against, "--device", "cpu", "--out", out)
    assert done.code == 0, done.said
    written = json.loads((out / "comparison.json").read_text())
    assert written["test"]["difference"] == 0 and written["test"]["runs"] == 3
    assert written["test"]["p_value"] is None is written["runs"]["f1_interval"], "six rows are too few"
    for number, entry in enumerate((*written["runs"]["each"], *written["against"]["each"]), 1):
        report = report_of(out / f"{number}-seed-{(number - 1) % 3}")
        assert entry["report"] == str(out / f"{number}-seed-{(number - 1) % 3}" / "report.json")
        assert entry["figures"]["f1"] == report["scores"]["f1"] and entry["protocols"] == report["protocols"]
    assert written["runs"]["figures"]["f1"] == {"mean": report["scores"]["f1"], "deviation": 0}
    assert "20 groups of rows" in done.out

    # one system alone has no test; what dgf did not write is not overwritten
    assert dgf("eval", *seeds[:2], "--device", "cpu", "--out", out).code == 0
    written = json.loads((out / "comparison.json").read_text())
    assert written["against"] is None is written["test"] and written["runs"]["f1_interval"] is None
    (out / "comparison.json").write_text('{"mine": 1}')
    refused = dgf("eval", *seeds[:2], "--device", "cpu", "--out", out)
    assert refused.code == 1 and "not overwritten" in refused.err
