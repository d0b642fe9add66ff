"""Entity types in a file, counted against the posts they are for."""

import json
import logging
from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Dataset, Mention, Post
from dgf.workflows.data.type_file import match_types, read_types

RELATIONS = ("None", "/per/org/member_of")


def dataset(*ids: str, relations: tuple[str, ...] = RELATIONS) -> Dataset:
    posts = tuple(Post(name, ("a", "b"), Mention("a", 0, 1), Mention("b", 1, 2)) for name in ids)
    return Dataset(Path("data"), Path("data"), {"train": posts}, relations)


def write(folder: Path, *rows: object) -> Path:
    (folder / "types.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "types.jsonl"


def test_lines_posts_and_unknown_types_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"id": name, "head": head, "tail": None} for name, head in (("a", "per"), ("b", "PER"), ("x", "ORG"))]
    file = write(tmp_path, *rows)
    with caplog.at_level(logging.INFO, "dgf"):
        found = match_types(file, read_types(file), dataset("a", "b", "c"))
    assert (found.lines, found.matched, found.posts, found.unknown) == (3, 2, 3, ("PER",))
    assert "PER (did you mean per?)" in caplog.text and "types for 2 of 3 posts (3 lines)" in caplog.text


def test_any_types_do_where_relations_carry_none(tmp_path: Path) -> None:
    file = write(tmp_path, {"id": "a", "head": "X", "tail": "Y"})
    assert match_types(file, read_types(file), dataset("a", relations=("None", "peer"))).unknown == ()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"id": "z", "head": "per", "tail": "org"}, "none of its 1 ids, such as 'z'"),
        ({"id": "a", "head": "PER", "tail": "GPE"}, "stand in no relation's name: GPE, PER"),
    ],
)
def test_a_file_without_effect_is_an_error(tmp_path: Path, row: object, told: str) -> None:
    file = write(tmp_path, row)
    with pytest.raises(UserError, match=told):
        match_types(file, read_types(file), dataset("a"))


def test_an_empty_file_and_empty_types_are_faults(tmp_path: Path) -> None:
    for rows, told in (((), "holds no types"), (({"id": "a", "head": "", "tail": None},), "printable")):
        with pytest.raises(UserError, match=told):
            read_types(write(tmp_path, *rows))


def test_a_numeric_id_is_that_of_a_post(tmp_path: Path) -> None:
    assert read_types(write(tmp_path, {"id": 7, "head": "per", "tail": None})) == {"7": ("per", None)}
