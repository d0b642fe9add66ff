import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dgf.pipeline import files
from dgf.pipeline.errors import FolderTakenError, UserError
from dgf.pipeline.files import exclusive, hold_together, read_record, remove_dead_parts, write_json, write_record


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


def test_runs_that_share_a_folder_keep_out_those_that_want_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_BEGIN_SECONDS", 0.0)
    lock = tmp_path / ".lock"

    def refused(take: Callable[[Path], AbstractContextManager[object]]) -> bool:
        try:
            with take(tmp_path):
                return False
        except FolderTakenError:
            return True

    with hold_together(tmp_path) as first:
        assert refused(hold_together) and refused(exclusive)  # the folder is being begun
        first.let_others_in()
        with hold_together(tmp_path):
            assert refused(exclusive)
            with hold_together(tmp_path):
                pass
            assert lock.exists() and refused(exclusive)
        assert lock.exists() and refused(exclusive) and not refused(hold_together)
        with hold_together(tmp_path) as second:
            assert not first.end() and not refused(hold_together) and second.end() and refused(hold_together)
    assert not lock.exists()
    with exclusive(tmp_path):
        assert refused(hold_together)
    lock.write_text("notes of a user")
    with pytest.raises(FolderTakenError, match=r"a \.lock that dgf did not write"), hold_together(tmp_path):
        pass
    assert lock.read_text() == "notes of a user"
