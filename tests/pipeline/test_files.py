import json
from pathlib import Path

from dgf.pipeline.files import write_json


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"n": 1})
    write_json(tmp_path / "a.json", {"n": "ä"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"n": "ä"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
