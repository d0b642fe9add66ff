import json
from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Mention, Post
from dgf.workflows.data import read_types, types_of_posts


def test_a_type_file_gives_pairs_by_post(tmp_path: Path) -> None:
    file = tmp_path / "types.jsonl"
    rows = [{"id": "test:1", "head": "per", "tail": "org"}, {"id": "test:2", "head": None, "tail": "loc"}]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert read_types(file) == {"test:1": ("per", "org"), "test:2": (None, "loc")}


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "types.jsonl"
    file.write_text(
        '{"id": "a", "head": "per", "tail": "org"}\nnot json\n{"id": "a", "head": null, "tail": null}\n[1]\n'
    )
    with pytest.raises(UserError) as caught:
        read_types(file)
    message = str(caught.value)
    assert all(f"types.jsonl:{line}" in message for line in (2, 3, 4))


def test_a_missing_file_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.jsonl.*cannot be read"):
        read_types(tmp_path / "none.jsonl")


def test_types_of_the_data_set_are_those_of_its_mentions() -> None:
    typed = Post("a", ("x", "y"), Mention("x", 0, 1, "per"), Mention("y", 1, 2))
    bare = Post("b", ("x", "y"), Mention("x", 0, 1), Mention("y", 1, 2))
    assert types_of_posts([typed, bare]) == {"a": ("per", None)}
