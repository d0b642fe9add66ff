"""The files that others' machines read: workflows, images and the citation parse, and name what is there."""

import fnmatch
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dgf.pipeline.yaml_values import PlainLoader
from support.shipped import BUILT_FROM, REPOSITORY, read_setup, top_packages

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").iterdir())
TARGETS = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.M))
DELIVERED = [
    *WORKFLOWS,
    *(REPOSITORY / name for name in (".ci/run", ".dockerignore", "CITATION.cff", "Dockerfile", "mkdocs.yml")),
    REPOSITORY / ".devcontainer" / "devcontainer.json",
]


def read(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def read_yaml(path: Path) -> dict[str, Any]:
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=PlainLoader)  # in which `on` is a word
    assert isinstance(content, dict)
    return content


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        assert job["runs-on"] and int(job["timeout-minutes"]) > 0
        yield from job["steps"]


def run_lines(workflow: dict[str, Any]) -> list[str]:
    return [line.strip() for step in steps(workflow) for line in step.get("run", "").splitlines()]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_one(path: Path) -> None:
    workflow = read_yaml(path)
    assert set(workflow) <= {"name", "on", "permissions", "concurrency", "jobs"} and workflow["on"]
    assert workflow["permissions"] == {"contents": "read"}
    for step in steps(workflow):
        assert ("run" in step) != ("uses" in step)
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "actions/checkout@v4"))
    for line in run_lines(workflow):
        if line.startswith("make "):
            assert set(line.split()[1:]) <= TARGETS


def test_every_change_is_checked_by_what_is_run_before_a_merge() -> None:
    workflow = read_yaml(REPOSITORY / ".github" / "workflows" / "ci.yml")
    assert "pull_request" in workflow["on"] and ".ci/run" in run_lines(workflow)
    assert (REPOSITORY / ".ci" / "run").stat().st_mode & 0o111
    [targets] = re.findall(r"^for target in (.*); do$", read(".ci/run"), flags=re.M)
    assert set(targets.split()) == {"lint", "types", "docs", "test"} <= TARGETS


def test_a_release_has_the_wheel_and_the_site() -> None:
    workflow = read_yaml(REPOSITORY / ".github" / "workflows" / "release.yml")
    assert {"make wheel", "make docs"} <= set(run_lines(workflow))
    uploaded = [step["with"]["path"] for step in steps(workflow) if "upload-artifact" in step.get("uses", "")]
    assert uploaded == ["dist/*.whl", "site/"] and "--wheel-dir dist" in read("Makefile")
    assert "site_dir" not in read_yaml(REPOSITORY / "mkdocs.yml") and "/site/" in read(".gitignore").split()


def test_the_image_is_made_of_the_wheel_and_run_by_nobody_in_particular() -> None:
    lines = re.sub(r"\\\n\s*", "", read("Dockerfile")).splitlines()
    instructions = [(line.split()[0], line.split()[1:]) for line in lines if line and not line.startswith("#")]
    copied = {name for instruction, words in instructions if instruction == "COPY" for name in words[:-1]}
    assert copied == {".", "constraints.txt"}
    [user] = [words for instruction, words in instructions if instruction == "USER"]
    assert user not in (["root"], ["0"])
    [entry] = [json.loads(" ".join(words)) for instruction, words in instructions if instruction == "ENTRYPOINT"]
    assert f"{entry[0]} = dgf.cli.main:main" in read_setup()["options.entry_points"]["console_scripts"]
    installed = [shlex.split(" ".join(words)) for instruction, words in instructions if instruction == "RUN"]
    assert any("wheels/*.whl" in word and "[serve]" in word for words in installed for word in words)
    assert not any("test]" in word or "--editable" in word for words in installed for word in words)


def test_nothing_the_wheel_is_made_of_is_kept_from_the_image() -> None:
    left_out = [line for line in read(".dockerignore").splitlines() if line and not line.startswith("#")]
    needed = (*top_packages(), *BUILT_FROM, "constraints.txt")
    assert [name for name in needed if any(fnmatch.fnmatch(name, pattern) for pattern in left_out)] == []
    assert {"tests", ".*"} <= set(left_out)


def test_the_container_for_developers_is_made_by_the_makefile() -> None:
    container = json.loads(read(".devcontainer/devcontainer.json"))
    assert container["image"] and container["postCreateCommand"] == "make venv" and "venv" in TARGETS
    interpreter = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter.endswith("/.venv/bin/python")


def test_the_citation_names_this_version_and_the_paper_as_the_readme_does() -> None:
    citation, metadata = read_yaml(REPOSITORY / "CITATION.cff"), read_setup()["metadata"]
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert citation["message"] and citation["title"] and citation["authors"] == [{"name": "The dgf authors"}]
    assert (citation["version"], citation["license"]) == (metadata["version"], metadata["license"])
    paper = citation["preferred-citation"]
    printed = dict(re.findall(r"^  (\w+) += \{(.*)\},?$", read("README.md"), flags=re.M))
    authors = " and ".join(f"{person['family-names']}, {person['given-names']}" for person in paper["authors"])
    assert paper["type"] == "conference-paper" and authors == printed["author"]
    said = (paper["title"], paper["collection-title"], str(paper["year"]))
    assert said == (printed["title"], printed["booktitle"], printed["year"])


@pytest.mark.parametrize("path", DELIVERED, ids=lambda path: path.name)
def test_nothing_is_had_from_a_place_that_not_everybody_reaches(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"\w+://([\w.:-]+)", text)) <= {"download.pytorch.org"}
    assert not re.search(r"/(?:opt|root|home)/", text)
