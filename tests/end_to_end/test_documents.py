"""Pages say what is so: each command line in them is one that dgf takes, and those that cost little are run.

`test_page_commands.py` runs those in the blocks of every page, apart from some with a test of their own.
"""

import re
from pathlib import Path

import click
import pytest

from dgf.cli.main import COMMANDS, cli
from dgf.workflows.demo.world import write_world
from support.command import dgf
from support.documents import PAGES, CommandLine, command_lines, lines_of_block, usage_fault
from support.shipped import REPOSITORY

NAMES = [page.relative_to(REPOSITORY).as_posix() for page in PAGES]
REPRODUCE = (REPOSITORY / "docs" / "reproduce.md").read_text(encoding="utf-8")


def lines_of(name: str) -> list[CommandLine]:
    return command_lines((REPOSITORY / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_dgf_takes_every_command_line_of_a_page(name: str) -> None:
    assert {str(line): fault for line in lines_of(name) if (fault := usage_fault(line))} == {}


def test_command_lines_are_found_wherever_they_stand() -> None:
    found = {name: len(lines_of(name)) for name in NAMES}
    least = {
        "README.md": 30,
        "docs/clusters.md": 5,
        "docs/figures.md": 10,
        "docs/reproduce.md": 8,
        "docs/training.md": 8,
    }
    assert [name for name, count in least.items() if found[name] < count] == []
    page = (
        "Say `dgf env`, or\n`A=1 dgf eval\nRUN ...`:\n\n"
        "    python -m x -m dgf.cli train \\\n        MNRE  # so\n\n"
        "    docker run --rm dgf:cuda \\\n    env --json\n\n"
        "```sh\ndgf demo --out OUT > LOG\n```\n```yaml\ndgf: no\n```\n`dgf COMMAND --help`\n"
    )
    assert command_lines(page) == [
        CommandLine(("demo", "--out", "OUT"), True),
        CommandLine(("train", "MNRE"), True),
        CommandLine(("env", "--json"), True),
        CommandLine(("env",), False),
        CommandLine(("eval", "RUN"), False),
    ]


@pytest.mark.parametrize(
    ("words", "whole", "fault"),
    [
        (("eval", "RUN", "--spilt", "test"), False, "No such option"),
        (("evil", "RUN"), False, "No such command"),
        (("bench", "train", "--batch", "many"), False, "not a valid integer"),
        (("bench", "tain"), False, "No such command"),
        (("eval",), True, "Missing argument"),
        (("eval",), False, None),
        (("eval", "RUN", "--split"), False, None),
        (("eval", "RUN", "--split"), True, "requires an argument"),
        (("demo", "--seed", "N"), True, None),
        (("bench",), False, None),
        (("train", "--help"), True, None),
    ],
)
def test_wrong_usage_is_seen(words: tuple[str, ...], whole: bool, fault: str | None) -> None:
    said = usage_fault(CommandLine(words, whole))
    assert said is None if fault is None else fault in (said or "")


def commands_below(command: click.Command) -> list[click.Command]:
    context = click.Context(command)
    below = (
        [command.get_command(context, name) for name in command.list_commands(context)]
        if isinstance(command, click.Group)
        else []
    )
    return [command, *(more for entry in below if entry for more in commands_below(entry))]


def test_dgf_takes_every_example_of_its_own_help() -> None:
    epilogs = [(command.epilog or "").replace("Example: ", "") for command in commands_below(cli)]
    examples = [line for epilog in epilogs for line in lines_of_block(epilog)]
    assert {line.words[0] for line in examples} == set(COMMANDS)
    assert {str(line): fault for line in examples if (fault := usage_fault(line))} == {}


@pytest.mark.parametrize("name", NAMES)
def test_every_training_of_a_page_has_a_configuration(name: str) -> None:
    trainings = [line for line in lines_of(name) if line.words[0] == "train" and "--out" in line.words]
    for line in trainings:
        if "--config" not in line.words and "--resume" not in line.words:
            assert dgf(*line.words, "--show-config").code == 0, line


def test_the_commands_of_the_page_on_reproducing_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without features and captions, as text, and without training: what would be run is said."""
    monkeypatch.chdir(tmp_path)
    write_world(tmp_path / "MNRE", {"train": 6, "val": 3, "test": 3})
    ran = 0
    for line in lines_of("docs/reproduce.md"):
        if line.whole and "--tables" not in line.words and "validate" not in line.words:
            words = " ".join(line.words).replace(
                "--features features --captions captions", "--missing-images text-only"
            )
            done = dgf(*words.split(), *(["--dry-run"] if "--data" in words and "--dry-run" not in words else []))
            assert done.code == 0, f"{line}\n{done.said}"
            ran += 1
    assert ran >= 5


def test_the_experiment_of_the_page_on_reproducing_can_be_shown(tmp_path: Path) -> None:
    [recipe] = re.findall(r"^```yaml\n(.*?)^```$", REPRODUCE, flags=re.M | re.S)
    (tmp_path / "mine.yaml").write_text(recipe, encoding="utf-8")
    done = dgf("reproduce", "show", tmp_path / "mine.yaml")
    assert done.code == 0 and "Wider prefixes" in done.out, done.said


def test_what_pages_make_is_a_target_of_the_makefile() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    made = re.findall(r"^make ([a-z][\w -]*?)(?: *#.*)?$|`make ([\w -]+)`", text, flags=re.M)
    words = {word for found in made for word in " ".join(found).split()}
    assert {"test", "test-all", "demo", "docs", "wheel"} <= words
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    assert words <= targets


def test_every_test_that_a_page_names_is_there() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"\btests/[\w/.]*\w", text))
    assert len(named) > 5 and [name for name in named if not (REPOSITORY / name).exists()] == []


def test_every_link_inside_the_repository_leads_somewhere() -> None:
    dead = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert dead == []


def test_pictures_are_small() -> None:
    assert all(path.stat().st_size < 300_000 for path in (REPOSITORY / "docs" / "images").iterdir())
