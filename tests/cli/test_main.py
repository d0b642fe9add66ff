"""What a user sees of a failing command, and that the list of commands costs nothing."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner, Result

from dgf.cli.main import COMMANDS, cli
from dgf.model.errors import ModelError
from dgf.pipeline.errors import UserError

DGF = Path(sys.executable).with_name("dgf")


def run_failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> Result:
    """Runs a command whose body raises."""

    @click.command
    def command() -> None:
        raise error

    module = ModuleType("failing")
    module.fail_command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "failing", module)
    monkeypatch.setitem(COMMANDS, "fail", "failing")
    return CliRunner().invoke(cli, ["fail"])


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (UserError("posts.jsonl:3: no head", "Add it."), "error: posts.jsonl:3: no head\n  Add it.\n"),
        (UserError("no such split"), "error: no such split\n"),
        (ModelError("delta: -1 is not a number of at least 0"), "error: delta: -1 is not a number of at least 0\n"),
        (PermissionError(13, "Permission denied", "out/x.h5"), "error: Permission denied: out/x.h5\n"),
        (OSError(28, "No space left on device"), "error: No space left on device\n"),
    ],
)
def test_a_users_fault_is_told_without_a_traceback(
    error: Exception, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run_failing(error, monkeypatch)
    assert (result.exit_code, result.stderr, result.stdout) == (1, shown, "")


def test_a_fault_of_ours_asks_for_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_failing(ZeroDivisionError("division by zero"), monkeypatch)
    assert result.exit_code == 1
    assert result.stderr.startswith("internal error: ZeroDivisionError: division by zero (at cli/")
    assert "dgf env" in result.stderr and "Traceback" not in result.stderr


def test_the_traceback_is_shown_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DGF_DEBUG", "1")
    result = run_failing(UserError("no such split"), monkeypatch)
    assert result.exit_code == 1
    assert "Traceback" in result.stderr and "error: no such split" in result.stderr


def test_an_interrupt_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_failing(KeyboardInterrupt(), monkeypatch)
    assert result.exit_code == 130
    assert "the same command continues" in result.stderr


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_command_chooses_its_exit_code(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_failing(click.exceptions.Exit(code), monkeypatch).exit_code == code


def test_a_closed_pipe_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_failing(BrokenPipeError(32, "Broken pipe"), monkeypatch)
    assert "error" not in result.stderr


@pytest.mark.parametrize("words", [["no-such-command"], ["--no-such-option"], ["env", "--no-such-option"]])
def test_wrong_usage_exits_with_2(words: list[str]) -> None:
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert words[-1] in result.stderr


def test_the_commands_and_their_list_need_no_torch() -> None:
    modules = ["dgf.cli", "dgf.cli.main", *COMMANDS.values()]
    code = "import sys, importlib\n" + f"for name in {modules!r}: importlib.import_module(name)\n"
    code += "heavy = {'torch', 'numpy', 'h5py', 'dask', 'transformers', 'yaml', 'PIL'} & set(sys.modules)\n"
    code += "assert not heavy, heavy\n"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_wrong_run_or_key_is_told_without_torch() -> None:
    code = """
import sys
from click.testing import CliRunner
from dgf.cli.main import cli
for words, said in (
    (["eval", "no-such-run"], "not a run folder"),
    (["train", "posts", "--out", "run", "optim.epoch=3"], "did you mean optim.epochs?"),
):
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 1 and said in result.stderr, result.stderr
assert CliRunner().invoke(cli, ["train", "posts", "--out", "run", "--show-config"]).exit_code == 0
assert not {"torch", "numpy", "transformers"} & set(sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_every_command_has_its_module() -> None:
    missing = [name for name, module in COMMANDS.items() if importlib.util.find_spec(module) is None]
    assert not missing
    assert {path.stem for path in Path(__file__).parents[2].glob("cli/*.py")} - {"__init__", "main"} >= {
        module.rpartition(".")[2] for module in COMMANDS.values()
    }


def test_help_answers_at_once() -> None:
    best = float("inf")
    for _ in range(5):  # the best of five: the machine may be busy with other tests
        start = time.perf_counter()
        result = subprocess.run([DGF, "--help"], capture_output=True, text=True, check=True)
        best = min(best, time.perf_counter() - start)
    assert all(name in result.stdout for name in COMMANDS)
    assert best < 0.5


def test_version() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("dgf ")


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_in_a_real_process_ends_with_130(tmp_path: Path) -> None:
    program = (
        "import signal, sys, types, time, click\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's `&` leaves it ignored
        "from dgf.cli.main import COMMANDS, main\n"
        "module = types.ModuleType('waiting')\n"
        "@click.command\n"
        "def command():\n"
        "    print('started', flush=True)\n"
        "    time.sleep(60)\n"
        "module.wait_command = command\n"
        "sys.modules['waiting'] = module\n"
        "COMMANDS['wait'] = 'waiting'\n"
        "sys.argv = ['dgf', 'wait']\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in shown
