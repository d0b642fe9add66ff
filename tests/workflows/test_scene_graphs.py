"""Scene graphs from posts and shards to a report: of boxes, of a file, of neither."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.graphs import read_graphs
from dgf.pipeline.posts import Post, read_dataset
from dgf.workflows.config import DataConfig, TrainConfig, resolve_config
from dgf.workflows.data import inputs_of, open_corpus, prepare_splits, train_tokenizer
from dgf.workflows.data.graphs import align_photos
from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.train import TrainSettings, train
from support.photo_rows import build
from support.small_world import write_posts, write_shards

NEAR, FAR = [[0, 0, 3, 5], [3.2, 0, 8, 6]], [[0, 0, 3, 5], [5, 0, 8, 6]]
WORDS = (
    "model.name=mega",
    "language_model=random:bert?num_hidden_layers=1&hidden_size=32&num_attention_heads=2&intermediate_size=32",
    "model.places=32",
    "data.max_length=32",
    "optim.epochs=1",
)


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    return write_posts(tmp_path / "posts")


def features_of(posts: Path, boxes: Any) -> Path:
    write_shards(posts, folder := posts.parent / "features", boxes=boxes)
    return folder


def write_graphs(path: Path, names: list[str], relations: list[list[int]]) -> Path:
    rows = [{"image_id": name, "boxes": NEAR, "relations": relations} for name in names]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def config_of(posts: Path, **data: Any) -> TrainConfig:
    given = {"path": str(posts), "features": str(posts.parent / "features"), **data}
    return resolve_config("demo", None, WORDS, {name: str(value) for name, value in given.items()})


def shown_posts(posts: Path, store: FeatureStore) -> tuple[tuple[Post, ...], np.ndarray]:
    rows = read_dataset(posts).splits["test"]
    return rows, np.array([store.row(post.image_ids) for post in rows], np.int64)


@pytest.mark.parametrize(("boxes", "edges"), [(NEAR, ((0, 1),)), (FAR, ())])
def test_without_a_file_objects_are_related_by_their_boxes(posts: Path, boxes: Any, edges: Any) -> None:
    store = FeatureStore.open(features_of(posts, boxes))
    shown = shown_posts(posts, store)
    found = align_photos(store, None, [shown])
    assert found.objects == 2 and found.edges == dict.fromkeys(shown[1].tolist(), edges)
    assert len(found.edges) == 3, "of photos that are shown, and no other"


def test_a_file_says_which_objects_are_related_and_no_boxes_do(posts: Path) -> None:
    store = FeatureStore.open(features_of(posts, NEAR))
    rows, places = shown_posts(posts, store)
    file = write_graphs(posts.parent / "graphs.jsonl", ["test-0.png"], [[1, 0]])
    found = align_photos(store, read_graphs(file), [(rows, np.where(places == places[5], -1, places))])
    assert found.edges == {places[0]: ((0, 1),), places[2]: ()}, "the second is not in the file, the last not shown"
    with pytest.raises(UserError, match=r"no scene graph of a photo that posts show, such as test-1\.png"):
        align_photos(store, read_graphs(file), [(rows[2:4], places[2:4])])


def test_batches_bring_weights_where_a_photo_is_shown(posts: Path) -> None:
    write_posts(posts, without=("val-1.png",))
    (posts / "val-1.png").unlink()
    features_of(posts, NEAR)
    config = config_of(posts, missing_images="text-only")
    corpus = open_corpus(config, read_dataset(posts), torch.device("cpu"))
    model = build(config.model)
    model.language_model.tokenizer = tokenizer_of(posts)
    splits = prepare_splits(corpus, {"val": corpus.split("val")}, model, config, torch.device("cpu"), pool=False)
    maker = splits["val"].batches
    batch = maker(np.arange(6))
    assert batch.alignment is not None and batch.alignment.shape == (*batch.tokens.shape, 2)
    words = maker.examples.words_of(np.arange(6))
    for row in range(6):
        given = batch.alignment[row].any(1).numpy()
        assert (given == ((words[row] >= 0) if row not in (2, 3) else False)).all()
    assert maker(np.array([2, 3])).alignment is None, "no photo at all"


def tokenizer_of(posts: Path) -> Any:
    return train_tokenizer((" ".join(post.tokens) for post in read_dataset(posts).splits["train"]), 300)


def test_graphs_of_boxes_stand_beside_the_figures_and_leak_nothing(posts: Path) -> None:
    features_of(posts, NEAR)
    config = config_of(posts)
    assert config.protocol is None
    train(TrainSettings(config, posts.parent / "run", "cpu"))
    report = evaluate(EvalSettings(posts.parent / "run", device="cpu")).report
    assert report["protocol"] == "no label reaches a prediction; scene graphs: from boxes" and not report["oracle"]
    assert report["protocols"]["photos"].endswith("; scene graphs: from boxes; structural alignment: transposed")


def test_graphs_of_a_file_are_named_and_a_changed_one_is_noticed(posts: Path) -> None:
    features_of(posts, NEAR)
    names = [path.name for path in sorted(posts.glob("*.png"))]
    file = write_graphs(posts.parent / "graphs.jsonl", names, [[0, 1]])
    config, out = config_of(posts, graphs=file), posts.parent / "run"
    assert config.protocol == f"scene graphs are those of {file}"
    train(TrainSettings(config, out, "cpu"))
    sha = read_graphs(file).sha256
    report = evaluate(EvalSettings(out, device="cpu")).report
    assert report["protocol"] == f"scene graphs are of {file} (sha256 {sha[:12]})" and not report["oracle"]
    assert f"scene graphs: of {file} (sha256 {sha[:12]})" in report["protocols"]["photos"]

    # evaluated without the file
    report = evaluate(EvalSettings(out, out=posts.parent / "second", device="cpu", data={"graphs": None})).report
    assert report["protocol"] == f"scene graphs are from boxes; training had those of {file} (sha256 {sha[:12]})"

    # another file in its place
    write_graphs(file, names, [])
    with pytest.raises(UserError, match=r"what it was begun with has changed \(graphs_file, scene graphs\)"):
        train(TrainSettings(config, out, "cpu", resume=True))


def test_the_inputs_of_a_run_are_told_apart_by_their_graphs(posts: Path) -> None:
    dataset, file = read_dataset(posts), write_graphs(posts.parent / "graphs.jsonl", ["a.png"], [[0, 1]])
    without = inputs_of(DataConfig(path=str(posts)), dataset)
    first = inputs_of(DataConfig(path=str(posts), graphs=str(file)), dataset)
    write_graphs(file, ["a.png"], [])
    second = inputs_of(DataConfig(path=str(posts), graphs=str(file)), dataset)
    assert "scene graphs" not in without and first["scene graphs"] != second["scene graphs"]
    info = file.with_name("custom_data_info.json")
    info.write_text('{"idx_to_files": ["a.png"]}')
    prediction = file.with_name("custom_prediction.json")
    prediction.write_text("{}")
    third = inputs_of(DataConfig(path=str(posts), graphs=str(prediction)), dataset)
    info.write_text('{"idx_to_files": ["b.png"]}')
    assert inputs_of(DataConfig(path=str(posts), graphs=str(prediction)), dataset) != third


def test_graphs_need_features_and_a_model_that_reads_them(posts: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = write_graphs(posts.parent / "graphs.jsonl", ["train-0.png"], [])
    data = {"path": str(posts), "graphs": str(file), "missing_images": "text-only"}
    dataset, cpu = read_dataset(posts), torch.device("cpu")
    with pytest.raises(UserError, match=r"--graphs .*graphs\.jsonl needs --features"):
        open_corpus(resolve_config("demo", None, WORDS, data), dataset, cpu)
    other = resolve_config("demo", None, ["model.name=bert-sg"], data)
    assert open_corpus(other, dataset, cpu).graphs is None and other.protocol is None
    assert "scene graphs were given, and this model reads none" in caplog.text
