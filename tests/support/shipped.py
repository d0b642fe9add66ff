"""What of the repository is shipped, as `setup.cfg` says it."""

import configparser
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILT_FROM = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
"""Files that a wheel is built from, beside the packages."""


def read_setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    return setup


def required() -> set[str]:
    """Distributions that an install brings, by itself or with an extra for users."""
    setup = read_setup()
    extras = (text for extra, text in setup["options.extras_require"].items() if extra not in ("docs", "test"))
    lines = "\n".join((setup["options"]["install_requires"], *extras)).split("\n")
    return {re.split(r"[<>=\[;]", line)[0].strip().lower().replace("_", "-") for line in lines if line.strip()}


def top_packages() -> dict[str, str]:
    """From each folder at the top of the repository that is shipped to the name it is imported by."""
    pairs = (line.split(" = ") for line in read_setup()["options"]["package_dir"].strip().splitlines())
    return {folder: package for package, folder in pairs if "/" not in folder}
