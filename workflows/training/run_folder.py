"""The folder of one training run: what lies in it, and how it is written so that a kill at any moment loses nothing."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import LOCK, is_part, read_record, remove_dead_parts, write_atomic, write_json, write_record
from dgf.workflows.config import TrainConfig, dump_config, load_config


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where everything of a run lies.

    `data.json`, `labels.json`, `environment.txt` and `config.yaml` are written before the first step, in this order,
    `checkpoints/`, `metrics.jsonl` and `curves.png` after every epoch (checkpoints also inside one), `summary.json` at
    the end of training, and the network, `tokenizer/`, `model.safetensors` and `model.json`, last.
    """

    path: Path

    @property
    def config_file(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def metrics_file(self) -> Path:
        """Losses and validation figures, one line an epoch; a run that was shared comes without."""
        return self.path / "metrics.jsonl"

    @property
    def last(self) -> Path:
        """Everything needed to continue from where the run was last saved."""
        return self.path / "checkpoints" / "last.pt"

    @property
    def best(self) -> Path:
        """The trained weights of the epoch with the best validation F1."""
        return self.path / "checkpoints" / "best.pt"

    @property
    def finished(self) -> bool:
        """Whether training came to its end: the network's own configuration is the last file to be written."""
        return (self.path / "model.json").is_file()

    @property
    def begun(self) -> bool:
        """Whether a run is here: `config.yaml` is the last file of its beginning."""
        return self.config_file.is_file()

    @property
    def foreign(self) -> list[str]:
        """Names of what no beginning of a run wrote here; files are told by what they say, not by their names."""
        if not self.path.is_dir():
            return [self.path.name] if self.path.exists() else []
        return sorted(
            item.name
            for item in self.path.iterdir()
            if item.name != LOCK and not is_part(item.name) and not (item.name in _OWN and _OWN[item.name](item))
        )

    def clean(self) -> None:
        """Remove what a killed run left half-written."""
        for folder in (self.path, self.path / "checkpoints"):
            remove_dead_parts(folder)

    def begin(
        self, config: TrainConfig, relations: Sequence[str], facts: Mapping[str, Any], environment: Mapping[str, str]
    ) -> None:
        """Make the folder with what is known before the first step; `data.json` comes first, `config.yaml` last.

        `relations` are in id order; `facts` (`data.json`) are what evaluation must know of the training data.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        write_record(self.path / "data.json", facts)
        (self.path / "checkpoints").mkdir(exist_ok=True)
        # A plain list of ids, for other programs: nothing here reads it.
        write_json(self.path / "labels.json", {name: number for number, name in enumerate(relations)})
        lines = "".join(f"{name}: {value}\n" for name, value in environment.items())
        write_atomic(self.path / "environment.txt", lines.encode())
        write_atomic(self.config_file, dump_config(config, sealed=True).encode())

    def load_config(self) -> TrainConfig:
        """Return the configuration the run was started with.

        Raises:
            UserError: If the folder is not a run.
        """
        self._check_begun()
        return load_config(self.config_file)

    def check_finished(self) -> None:
        """Check that a run is here whose training has ended; nothing is read yet.

        Raises:
            UserError: If the folder is not a run, or training has not ended.
        """
        self._check_begun()
        if not self.finished:
            raise UserError(f"{self.path}: training has not ended", f"`dgf train --resume --out {self.path}` ends it.")

    def finished_config(self) -> TrainConfig:
        """Return the configuration of a run whose training has ended.

        Raises:
            UserError: If the folder is not a run, or training has not ended.
        """
        self.check_finished()
        return self.load_config()

    def write_metrics(self, epochs: Sequence[Mapping[str, Any]]) -> None:
        """Write `metrics.jsonl`, one line an epoch."""
        write_atomic(self.metrics_file, "".join(json.dumps(epoch) + "\n" for epoch in epochs).encode())

    def check_data(self, facts: Mapping[str, Any]) -> None:
        """Check that the data, and the way networks read it, are still what the run was begun with.

        Raises:
            UserError: If rows, relations, features, captions, the language model or the networks' format have changed;
                names what did.
        """
        before, facts = self.read_data(), json.loads(json.dumps(facts))  # tuples are lists in the file
        keys = (before.keys() | facts.keys()) - (_KEPT_SINCE - before.keys())
        changed = [key for key in keys - {"digests", "inputs"} if before.get(key) != facts.get(key)]
        if "digests" in keys:
            was, now = before["digests"], facts.get("digests", {})
            changed += [name for name in was.keys() | now.keys() if was.get(name) != now.get(name)]
        same_order = list(before["training_rows"]) == list(facts["training_rows"])
        if changed or not same_order:
            what = ", ".join(sorted(changed)) or "the order of the relations"
            raise UserError(
                f"{self.path}: cannot continue: what it was begun with has changed ({what})", "Name another --out."
            )

    def check_inputs(self, inputs: Mapping[str, str]) -> None:
        """Check that a finished run was given what is there now; one of an older version does not say.

        Raises:
            UserError: Names what has changed.
        """
        before = self.read_data().get("inputs")
        if before is None or before == inputs:
            return
        changed = sorted(name for name in before.keys() | inputs.keys() if before.get(name) != inputs.get(name))
        raise UserError(
            f"{self.path}: this run is finished, and what it was trained on has changed since ({', '.join(changed)})",
            "Name another --out.",
        )

    def read_data(self) -> dict[str, Any]:
        """Return what `begin` wrote of the training data.

        Raises:
            UserError: If it is missing or damaged.
        """
        try:
            facts = read_record(self.path / "data.json")
            rows = facts.get("training_rows")
            if not isinstance(rows, dict) or not all(type(count) is int for count in rows.values()):
                raise ValueError("it does not say how many rows each relation has")
            if not all(isinstance(facts.get(name), dict | None) for name in ("extraction", "captioning")):
                raise ValueError("it does not say how the photos were seen")
            if not all(isinstance(facts.get(name, {}), dict) for name in ("digests", "inputs")):
                raise ValueError("it does not say what the inputs were")
            if facts.get("features") is not None and facts.get("extraction") is None:
                raise ValueError("it does not say how the features were made")
        except (OSError, ValueError) as error:
            hint = "Put back a copy of it, or train the run again: the same `dgf train` with another --out."
            raise UserError(f"{self.path / 'data.json'} cannot be read: {error}", hint) from error
        return {**dict.fromkeys(_FACTS), **facts}

    def _check_begun(self) -> None:
        if not self.begun:
            raise UserError(f"{self.path}: not a run folder (it has no config.yaml)", "`dgf train` makes one.")


def _is_facts(path: Path) -> bool:
    try:
        return isinstance(read_record(path).get("training_rows"), dict)
    except (OSError, ValueError):
        return False


def _is_labels(path: Path) -> bool:
    """Whether it is `{name: number}`, numbered and written as `begin` does, which makes `checkpoints` before it."""
    try:
        text = path.read_text(encoding="utf-8")
        labels = json.loads(text)
    except (OSError, ValueError):
        return False
    counted = isinstance(labels, dict) and list(labels.values()) == list(range(len(labels)))
    written = counted and text == json.dumps(labels, indent=1, ensure_ascii=False) + "\n"
    return written and (path.parent / "checkpoints").is_dir()


def _is_environment(path: Path) -> bool:
    """Whether its first line is Python's version and `data.json`, which comes before it, is there."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return (not text or re.match(r"python: \d", text) is not None) and _is_facts(path.parent / "data.json")


def _is_empty(path: Path) -> bool:
    """Whether it is a folder in which nothing was finished: checkpoints come after the beginning."""
    return path.is_dir() and all(is_part(item.name) for item in path.iterdir())


_FACTS = ("features", "captioner", "extraction", "captioning")
"""What evaluation and prediction read of `data.json`, apart from the counts; None of a run on text."""

_KEPT_SINCE = {"types_file", "boxes_file", "digests", "inputs"}
"""Keys of `data.json` that runs from before do not have."""

_OWN: Mapping[str, Callable[[Path], bool]] = {
    "data.json": _is_facts,
    "labels.json": _is_labels,
    "environment.txt": _is_environment,
    "checkpoints": _is_empty,
}
"""What a beginning writes before `config.yaml`, and whether a file or folder of that name is such a one."""
