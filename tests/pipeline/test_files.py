import json
from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import exclusive, read_record, remove_dead_parts, write_json, write_record


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"n": 1})
    write_json(tmp_path / "a.json", {"n": "ä"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"n": "ä"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_record_says_whether_it_was_changed(tmp_path: Path) -> None:
    path, content = tmp_path / "a.json", {"rows": 2, "names": ["ä", None], "share": 0.1, "deep": {"b": 1, "a": True}}
    write_record(path, content)
    assert read_record(path) == content
    text = path.read_text(encoding="utf-8")
    for other in (text.replace("2", "3", 1), text.replace("ä", "ö"), text.replace("true", "null"), text[:-9], "[]"):
        path.write_text(other, encoding="utf-8")
        with pytest.raises(ValueError):
            read_record(path)
    path.write_text(text.replace("\n", "\n  "), encoding="utf-8")  # its values count, not its looks
    assert read_record(path) == content


def test_a_record_of_an_older_version_is_read_and_stays_as_it_is(tmp_path: Path) -> None:
    path, content = tmp_path / "a.json", {"rows": 2}
    write_json(path, content)
    before = path.read_bytes()
    assert read_record(path) == content
    write_record(path, content)
    assert path.read_bytes() == before
    write_record(path, {"rows": 3})
    assert read_record(path) == {"rows": 3} and b"checksum" in path.read_bytes()


def test_files_that_only_look_like_ours_are_kept(tmp_path: Path) -> None:
    for name in (".part-two.tex", ".part-0123456789AB-x", ".part-0123456789ab-x"):
        (tmp_path / name).write_text("text")
    remove_dead_parts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".part-0123456789AB-x", ".part-two.tex"]
    (tmp_path / ".lock").write_text("the key is under the mat")
    with pytest.raises(UserError, match=r"a \.lock that dgf did not write"), exclusive(tmp_path):
        pass
    assert (tmp_path / ".lock").read_text() == "the key is under the mat"
