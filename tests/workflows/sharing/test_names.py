"""Paths become names: whichever option holds one, and wherever it stands in a sentence."""

import getpass
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dgf.workflows.config import DataConfig, TrainConfig
from dgf.workflows.sharing.names import hide_paths, public_data, public_name, public_place
from dgf.workflows.sharing.portable import recorded_paths, share_config, share_facts

FACTS: dict[str, Any] = {
    "training_rows": {"None": 1},
    "skipped_rows": ["train:17", "/home/ann/posts/train.jsonl:3: head is not in the text"],
    "extraction": {
        "detector": "detectron2:/home/ann/rcnn.yaml",
        "weights": "/home/ann/rcnn.pkl",
        "vgg_weights": "default",
        "resnet_weights": "random:3",
        "top_k": 10,
    },
    "captioning": {"backend": "oscar", "source": "/home/ann/oscar", "beams": 5},
    "types_file": {"file": "/home/ann/types.jsonl", "sha256": "ab"},
    "graphs_file": {"file": "/home/ann/graphs.jsonl", "sha256": "cd"},
}


def test_every_path_of_a_configuration_becomes_a_name() -> None:
    names = {"path": "posts", "features": "features", "types": "types.jsonl", "graphs": "graphs.jsonl"}
    data = DataConfig(**{key: f"/home/ann/{name}" for key, name in names.items()}, captions=("/home/ann/a", "~/b"))  # type: ignore[arg-type]
    config = TrainConfig(language_model="words:/home/ann/glove.txt", data=data)
    shared = share_config(config)
    assert "ann" not in str(shared) and shared.language_model == "words:elsewhere:glove.txt"
    assert shared.data.path == "elsewhere:posts" and shared.data.captions == ("elsewhere:a", "elsewhere:b")
    assert replace(shared, language_model=config.language_model, data=data) == config, "all else stays"
    assert {f"/home/ann/{name}" for name in names.values()} <= set(recorded_paths(config, share_facts(FACTS)))
    assert share_config(replace(config, data=DataConfig())).data.features is None


def test_every_path_of_what_was_recorded_becomes_a_name_and_rows_a_number() -> None:
    shared = share_facts(FACTS)
    assert "ann" not in str(shared) and len(shared["skipped_rows"]) == 2 and "train:17" not in str(shared)
    seen = shared["extraction"]
    assert (seen["detector"], seen["weights"]) == ("detectron2:elsewhere:rcnn.yaml", "elsewhere:rcnn.pkl")
    assert (seen["vgg_weights"], seen["resnet_weights"], seen["top_k"]) == ("default", "random:3", 10)
    assert shared["types_file"] == {"file": "elsewhere:types.jsonl", "sha256": "ab"}
    assert shared["captioning"]["source"] == "elsewhere:oscar" and share_facts(shared) == shared


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gpt2", "gpt2"),
        ("HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M"),
        ("random:gpt2?n_layer=2", "random:gpt2?n_layer=2"),
        ("detectron2:COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml",) * 2,
        ("./models/mine", "elsewhere:mine"),
        ("~/mine.gguf", "elsewhere:mine.gguf"),
    ],
)
def test_what_everybody_knows_by_its_name_keeps_it(text: str, name: str) -> None:
    assert public_place(text) == name


def test_a_folder_that_is_here_is_a_path_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "owner" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert public_place("owner/model") == "elsewhere:model"


def test_data_of_the_hub_is_named_so_that_others_have_it() -> None:
    assert public_data("/home/ann/hub:owner/posts") == "hub:owner/posts" and public_data("/a/MNRE") == "elsewhere:MNRE"


def test_an_account_is_no_part_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "Ann")
    assert public_name("/data/posts_of-ann.jsonl") == "unnamed" and public_name("/data/annual") == "annual"
    assert public_name("/home/ann/line\nbreak") == "line break" and public_name("/") == "unnamed"


def test_a_sentence_tells_names_in_place_of_paths_and_relations_as_they_are() -> None:
    said = "types of /a/b c/types.jsonl (sha256 ab); posts of /x/y; '/per/org/member_of' and/or 3/4, ~/z/w"
    told = "types of types.jsonl (sha256 ab); posts of y; '/per/org/member_of' and/or 3/4, w"
    assert hide_paths(said, ["/a/b c/types.jsonl", "/", "x"], ["/per/org/member_of"]) == told
