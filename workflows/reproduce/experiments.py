"""Experiments as their YAML files say them, checked: every fault of a file is told at once.

The files lie in `recipes/`, one an experiment, named as the command calls it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from dgf.model.catalog import MODEL_KINDS, find_kind
from dgf.model.config import check_values
from dgf.pipeline.errors import UserError
from dgf.pipeline.text_files import read_whole
from dgf.pipeline.yaml_values import load_yaml
from dgf.workflows.audit.claims import Feasibility, Printed, check_claims
from dgf.workflows.config import TrainConfig, check_config

NOT_PRINTED = "-"
"""Stands for a figure that the paper's own table leaves out."""

RULES = {
    "majority": "the most frequent relation of the training split",
    "words": "naive Bayes over the words of the sentence",
    "gold-types": "the most frequent training relation of the types in the gold relation's name",
}
"""Rules without a model, learned from the training rows."""

_MAX_CHARACTERS = 1 << 16
_FIXED = {"seed": "--seeds names them", "data.path": "--data names it"}

PaperFigure = Literal["accuracy", "precision", "recall", "f1"]
Look = Literal["bars", "lines", "bands", "cases"]


@dataclass(frozen=True)
class Row:
    """One system of an experiment.

    Args:
        name: As `--rows` calls it.
        title: As tables call it.
        keys: Configuration keys that make it what it is.
        rule: A rule without a model, in place of keys.
        paper: The figures that the paper prints, in percent, letter by letter; `-` where it prints none.
        source: Where the paper has them, and from whom.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    rule: str | None = None
    paper: Mapping[PaperFigure, str] = field(default_factory=dict)
    source: str = ""

    @property
    def words(self) -> list[str]:
        """The keys as `dgf train` takes them."""
        return [word_of(key, value) for key, value in self.keys.items()]

    @property
    def printed(self) -> dict[str, str]:
        """The paper's figures, without those that it leaves out."""
        return {str(name): text for name, text in self.paper.items() if text != NOT_PRINTED}

    @property
    def feasibility(self) -> Feasibility | None:
        """Whether one confusion matrix of MNRE's test split can have the paper's figures; None where it has none."""
        return check_claims(self.printed) if self.printed else None


@dataclass(frozen=True)
class Experiment:
    """A table or figure.

    Args:
        title: What it shows.
        of: What it is of the paper.
        rows: The systems.
        note: What a reader must know of it.
        look: What is drawn: `bars` of micro F1, `lines` over what varies, F1 by `bands` of training rows, or `cases`,
            the answers to several pairs of one post.
        paper: The figures that the paper prints for every row.
        varies: Keys, each with values that all rows are run with, a line and a panel a key.
        name: Of the file.
    """

    title: str
    of: str
    rows: tuple[Row, ...]
    note: str = ""
    look: Look = "bars"
    paper: tuple[PaperFigure, ...] = ()
    varies: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    name: str = ""

    @property
    def points(self) -> list[str]:
        """What all rows are run with, as `key=value`; one empty point where nothing varies."""
        return [word_of(key, value) for key, values in self.varies.items() for value in values] or [""]


def word_of(key: str, value: Any) -> str:
    """A `key=value` word."""
    return f"{key}={json.dumps(value, ensure_ascii=False)}"  # JSON is YAML


def _preset_of(words: Sequence[str], preset: str) -> str:
    """The preset, or `paper` where the model that the words choose has no such one.

    Raises:
        UserError: No model has it.
    """
    if not any(preset in kind.presets for kind in MODEL_KINDS.values()):
        known = sorted({name for kind in MODEL_KINDS.values() for name in kind.presets})
        raise UserError(f"--preset {preset}: no model has it", f"Use one of: {', '.join(known)}.")
    names = [str(load_yaml(word.partition("=")[2])) for word in words if word.startswith("model.name=")]
    kind = find_kind({"name": names[-1]} if names else {})
    return preset if kind is None or preset in kind.presets else "paper"


def resolve(
    words: Sequence[str], preset: str = "paper", data: Mapping[str, Any] | None = None
) -> tuple[TrainConfig | None, list[str]]:
    """The configuration of a row, or what is wrong with it."""
    return check_config(_preset_of(words, preset), None, words, data)


def experiment_files() -> dict[str, Path]:
    """The file of each experiment that dgf has, by its name."""
    folder = Path(str(files("dgf.workflows.reproduce"))) / "recipes"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def read_experiments(names: Sequence[str] = ()) -> list[Experiment]:
    """Read some experiments, by name or as files of one's own; all that dgf has where none is named.

    Raises:
        UserError: There is no such experiment, or a file has faults; all of them are named.
    """
    known = experiment_files()
    found, faults = [], []
    for name in names or known:
        own = name.endswith((".yaml", ".yml"))
        if not own and name not in known:
            hint = f"There are {', '.join(known)}; a file of your own is named with its .yaml."
            raise UserError(f"no experiment is called {name!r}", hint)
        file = Path(name) if own else known[name]
        experiment, wrong = check_experiment(_read(file), file.stem)
        faults += [f"{file.name}: {fault}" for fault in wrong]
        found += [experiment] if experiment is not None else []
    if faults:
        raise UserError("\n  ".join([f"experiments have {len(faults)} fault(s):", *faults]))
    return found


def check_experiment(content: object, name: str) -> tuple[Experiment | None, list[str]]:
    """Make an experiment of what a file holds, or say everything that is wrong with it."""
    if not isinstance(content, Mapping) or not isinstance(content.get("rows"), list) or not content["rows"]:
        return None, ["must hold title, of, and rows, a list"]
    checked = [check_values(Row, entry, f"rows.{place}.") for place, entry in enumerate(content["rows"], 1)]
    rows = [row for row, _ in checked if row is not None]
    experiment, faults = check_values(Experiment, {**content, "rows": (), "name": name})
    faults += [fault for _, of_row in checked for fault in of_row]
    twice = [row for row, times in Counter(row.name for row in rows).items() if times > 1]
    faults += [f"rows.{row}: the name appears twice" for row in twice]
    if rows and all(row.rule is not None for row in rows):
        faults.append("rows: rules alone; give a row with keys")
    if experiment is None:
        return None, faults
    faults += [f"rows.{row.name}.{fault}" for row in rows for fault in _row_faults(row, experiment)]
    faults += [f"varies: {fault}" for point in filter(None, experiment.points) for fault in resolve([point])[1]]
    return replace(experiment, rows=tuple(rows)), faults


def _read(file: Path) -> object:
    try:
        return load_yaml(read_whole(file, _MAX_CHARACTERS))
    except ValueError as fault:
        raise UserError(f"{file}: not YAML: {fault}") from fault


def _row_faults(row: Row, experiment: Experiment) -> Iterator[str]:
    """What is wrong with a row beside its form: its configuration, and the paper's figures."""
    if row.rule is None:
        yield from (f"keys: {key}: is not for a row: {why}" for key, why in _FIXED.items() if key in row.keys)
        yield from (f"keys: {fault}" for fault in resolve(row.words)[1])
    elif row.keys:
        yield "rule: stands in place of keys; give one of them"
    elif row.rule not in RULES:
        yield f"rule: {row.rule!r} is none of: {', '.join(RULES)}"
    if experiment.paper and row.rule is None:
        missing = [name for name in experiment.paper if name not in row.paper]
        yield from (f"paper: has no {name}, and the paper prints one ({NOT_PRINTED!r} if not)" for name in missing)
    yield from (f"paper: {name}: is not among the experiment's figures" for name in row.paper.keys() - experiment.paper)
    if row.paper and not row.source:
        yield "source: must say where the paper's figures stand"
    for name, text in row.printed.items():
        try:
            Printed.parse(text, name)
        except UserError as error:
            yield f"paper: {error.message}"
