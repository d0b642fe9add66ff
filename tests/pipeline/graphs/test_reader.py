"""Files of scene graphs as users have them, and what is said of those that are at fault."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.graphs import benchmark, read_graphs

BOXES = [[0, 0, 50, 50], [10, 10, 90, 80], [5, 5, 20, 20.5]]


def entry_of(**changes: Any) -> dict[str, Any]:
    """An entry as Scene-Graph-Benchmark writes it, every pair of boxes a relation."""
    pairs = [[a, b] for a in range(3) for b in range(3) if a != b]
    entry = {
        "bbox": BOXES,
        "bbox_labels": [1, 2, 3],
        "bbox_scores": [0.9, 0.8, 0.7],
        "rel_pairs": pairs,
        "rel_labels": [4] * len(pairs),
        "rel_scores": [0.1, 0.9, 0.2, 0.3, 0.4, 0.5],
        "rel_all_scores": [[0.1] * 51] * len(pairs),
    }
    return {**entry, **changes}


def write_benchmark(folder: Path, prediction: Any, files: Any = ("/photos/train/a.jpg", "/photos/test/a.jpg")) -> Path:
    folder.mkdir(exist_ok=True)
    info = {"idx_to_files": list(files) if isinstance(files, tuple) else files, "ind_to_classes": [], "ind_to_pred": []}
    (folder / "custom_data_info.json").write_text(json.dumps(info))
    path = folder / "custom_prediction.json"
    path.write_text(prediction if isinstance(prediction, str) else json.dumps(prediction))
    return path


def write_lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def row_of(**changes: Any) -> dict[str, Any]:
    return {"image_id": "train/a.jpg", "boxes": BOXES, "relations": [[0, 1, "on"], [2, 1]], **changes}


def test_lines_are_read(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "g.jsonl", row_of(), row_of(image_id="./b.jpg", boxes=[], relations=[]))
    found = read_graphs(path)
    assert list(found.graphs) == ["train/a.jpg", "b.jpg"]
    graph = found.find(["x.jpg", "train/a.jpg"])
    assert graph is not None and graph.sides is None
    assert graph.boxes.tolist() == BOXES and graph.relations.tolist() == [[0, 1], [2, 1]]
    packed = tmp_path / "g.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert list(read_graphs(packed).graphs) == list(found.graphs)
    assert read_graphs(packed).sha256 != found.sha256


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_id": 3}, r"image_id must be printable text, not 3"),
        ({"image_id": " "}, r"image_id must be printable text"),
        ({"boxes": None}, r"boxes must be a list of 4 numbers each, not None"),
        ({"boxes": [[0, 0, 1]]}, r"boxes must be a list of 4 numbers each"),
        ({"boxes": [[0, 0, 1, 1], [0, 0]]}, r"boxes must be a list of 4 numbers each"),
        ({"boxes": [[0, 0, 1, "1"]]}, r"boxes must be a list of 4 numbers each"),
        ({"boxes": [[0, 0, 10**400, 1]] * 3}, r"an integer of over 64 bits"),
        ({"boxes": [[0, 0, 1e999, 1]] * 3}, r"Infinity is not a JSON value"),
        ({"boxes": [[5, 0, 4, 1]] * 3}, r"boxes: a box must be \[x0, y0, x1, y1\] with x0 <= x1"),
        ({"relations": {}}, r"relations must be a list"),
        ({"relations": [[0, 1, 7]]}, r'a relation must be \[box, box, "name"\]'),
        ({"relations": [[0, 1.5, "on"]]}, r"relations must be a list of 2 whole numbers each"),
        ({"relations": [[0, 3, "on"]]}, r"relations: boxes are counted from 0 to 2"),
        ({"relations": [[-1, 1, "on"]]}, r"relations: boxes are counted from 0 to 2"),
        ({"relations": [[1, 1, "on"]]}, r"relations: a box cannot be related to itself"),
    ],
)
def test_faults_of_lines_name_file_line_and_key(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = write_lines(tmp_path / "g.jsonl", row_of(image_id="b.jpg"), row_of(**change))
    with pytest.raises(UserError, match=rf"g\.jsonl:2: .*{said}"):
        read_graphs(path)


def test_all_faults_of_lines_are_told_together(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "g.jsonl", row_of(), row_of(), "[1]", "{", row_of(image_id="c.jpg", boxes=5))
    with pytest.raises(UserError, match=r"4 faults") as raised:
        read_graphs(path)
    assert "g.jsonl:2: a second graph of train/a.jpg" in str(raised.value)
    assert all(f"g.jsonl:{line}: " in str(raised.value) for line in (2, 3, 4, 5))


def test_graphs_of_the_benchmark_are_read_by_the_names_of_its_files(tmp_path: Path) -> None:
    prediction = {"1": entry_of(), "0": entry_of(bbox=[], bbox_scores=[], rel_pairs=[], rel_scores=[])}
    found = read_graphs(write_benchmark(tmp_path / "sg", prediction))
    assert list(found.graphs) == ["/photos/test/a.jpg", "/photos/train/a.jpg"]
    graph = found.find(["test/a.jpg"])
    assert graph is found.graphs["/photos/test/a.jpg"] and graph.sides == (600, 1000)
    assert graph.boxes.tolist() == BOXES
    surest = [[0, 2], [2, 1], [2, 0], [1, 2], [1, 0], [0, 1]]
    assert graph.relations.tolist() == surest
    assert found.find(["a.jpg"]) is None, "two photos have this name"
    assert found.find(["photos/train/a.jpg"]) is found.graphs["/photos/train/a.jpg"]


def test_the_surest_relations_of_the_benchmark_are_kept(tmp_path: Path) -> None:
    count = 12
    pairs = [[a, b] for a in range(count) for b in range(count) if a != b]
    scores = np.random.default_rng(0).permutation(len(pairs)) / len(pairs)
    boxes = {"bbox": [[0, 0, 9, 9]] * count, "bbox_scores": [0.5] * count}
    entry = entry_of(**boxes, rel_pairs=pairs, rel_scores=scores.tolist())
    graph = read_graphs(write_benchmark(tmp_path / "sg", {"0": entry})).find(["train/a.jpg"])
    best = sorted(zip(scores, pairs, strict=True), reverse=True)[: benchmark.RELATIONS_KEPT]
    assert graph is not None and graph.relations.tolist() == [pair for _, pair in best]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bbox": [[1, 2]]}, r"bbox must be a list of 4 numbers each"),
        ({"bbox_scores": [0.5]}, r"bbox_scores: 1 numbers for 3"),
        ({"bbox_scores": ["a", "b", "c"]}, r"bbox_scores must be a list of numbers"),
        ({"rel_pairs": None}, r"rel_pairs must be a list of 2 whole numbers each, not None"),
        ({"rel_pairs": [[0, 9]], "rel_scores": [1]}, r"rel_pairs: boxes are counted from 0 to 2"),
        ({"rel_scores": [1]}, r"rel_scores: 1 numbers for 6"),
    ],
)
def test_faults_of_the_benchmark_name_file_entry_and_key(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = write_benchmark(tmp_path / "sg", {"0": entry_of(), "1": entry_of(**change)})
    with pytest.raises(UserError, match=rf"custom_prediction\.json: entry '1': {said}"):
        read_graphs(path)


@pytest.mark.parametrize(
    ("prediction", "said"),
    [
        ("{}", r"holds no scene graph"),
        ("", r"not one JSON object"),
        ("[]", r"not one JSON object"),
        ('{"0": 5}', r"entry '0': must be an object, not 5"),
        ('{"2": {}}', r"entry '2': no number of a photo: custom_data_info\.json has those from 0 to 1"),
        ('{"x": {}}', r"entry 'x': no number of a photo"),
        ('{"0": {"bbox": [[1', r"entry '0': not JSON"),
        ('{"0": {"bbox": NaN}}', r"entry '0': not JSON \(NaN is not a JSON value\)"),
        ('{"0": ' + "[" * 100_000 + "}", r"entry '0': not JSON"),
        ('{"0": {} "1": {}}', r"not JSON from character 9 on"),
        ('{, "0": {}}', r"not JSON from character 2 on"),
        ('{"0": {}} x', r"not JSON from character 9 on"),
        ('{"0": {},}', r"not JSON from character 9 on"),
    ],
)
def test_what_is_not_the_benchmarks_is_refused(tmp_path: Path, prediction: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_graphs(write_benchmark(tmp_path / "sg", prediction))


def test_a_second_graph_of_a_file_is_refused(tmp_path: Path) -> None:
    path = write_benchmark(tmp_path / "sg", {"0": entry_of(), "1": entry_of()}, ("a.jpg", "./a.jpg"))
    with pytest.raises(UserError, match=r"entry '1': a second graph of a\.jpg"):
        read_graphs(path)


@pytest.mark.parametrize("files", [None, "a.jpg", [3], [""], {"0": "a.jpg"}])
def test_names_of_files_are_checked(tmp_path: Path, files: Any) -> None:
    path = write_benchmark(tmp_path / "sg", {"0": entry_of()}, files)
    with pytest.raises(UserError, match=r"custom_data_info\.json: idx_to_files must be a list"):
        read_graphs(path)


@pytest.mark.parametrize("chunk", [7, 64, 1000])
def test_long_files_are_read_a_piece_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    prediction = {str(i): entry_of() for i in range(9)}
    path = write_benchmark(
        tmp_path / "sg", json.dumps(prediction, indent=1) + "\n", tuple(f"{i}.jpg" for i in range(9))
    )
    whole = read_graphs(path)
    monkeypatch.setattr(benchmark, "_CHUNK", chunk)
    pieces = read_graphs(path)
    assert list(pieces.graphs) == list(whole.graphs) and len(whole.graphs) == 9
    assert all(np.array_equal(pieces.graphs[n].relations, whole.graphs[n].relations) for n in whole.graphs)


def test_an_entry_that_never_ends_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "_CHUNK", 64)
    monkeypatch.setattr(benchmark, "MAX_ENTRY", 1000)
    path = write_benchmark(tmp_path / "sg", '{"0": [' + "1, " * 100_000 + "1]}")
    with pytest.raises(UserError, match=r"entry '0': longer than 1000 characters"):
        read_graphs(path)


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.jsonl cannot be read"):
        read_graphs(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match=r"is a folder"):
        read_graphs(tmp_path)
