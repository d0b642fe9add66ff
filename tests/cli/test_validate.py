import json
from pathlib import Path

from click.testing import CliRunner

from dgf.cli.main import cli
from dgf.cli.validate import validate_command as command

POST = {"tokens": ["a", "b"], "head": {"span": [0, 1]}, "tail": {"span": [1, 2]}, "relation": "None"}


def test_table_and_exit_0(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(POST))
    result = CliRunner().invoke(command, [str(tmp_path)])
    assert result.exit_code == 0
    assert "rows" in result.stdout and "None" in result.stdout


def test_json_is_all_of_stdout(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(f'{json.dumps({**POST, "image": "gone.jpg"})}\n{{"tokens": 1}}\n')
    result = CliRunner().invoke(command, [str(tmp_path), "--json", "--on-error", "skip"])
    content = json.loads(result.stdout)
    assert result.exit_code == 3
    assert content["splits"]["train"]["rows"] == 1
    assert content["bad_photos"][0]["reason"] == "no such file"
    assert content["faults"][0]["line"] == 2 and content["faults"][0]["file"].endswith("train.jsonl")


def test_faults_exit_1_and_wrong_usage_2(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(f"{json.dumps(POST)}\n[]\n")
    assert CliRunner().invoke(command, [str(tmp_path)]).exit_code == 1
    assert CliRunner().invoke(command, [str(tmp_path), "--photos", "all"]).exit_code == 2


def test_a_wrong_path_is_one_message(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["validate", str(tmp_path / "nowhere")])
    assert result.exit_code == 1 and result.stdout == ""
    assert "nowhere: no such file or folder" in result.stderr and "Traceback" not in result.stderr
