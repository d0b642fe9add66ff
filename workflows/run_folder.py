"""The folder of one training run: what lies in it, and how it is written so that a kill at any moment loses nothing."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dgf.pipeline.commit import write_atomic, write_json
from dgf.pipeline.errors import UserError
from dgf.workflows.config import TrainConfig, dump_config, load_config


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where everything of a run lies.

    `config.yaml`, `labels.json`, `data.json` and `environment.txt` are written before the first step,
    `metrics.jsonl` and `checkpoints/` after every epoch, and the network, `tokenizer/`,
    `model.safetensors` and `model.json`, last.
    """

    path: Path

    @property
    def config_file(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def last(self) -> Path:
        """Everything needed to go on after the last whole epoch."""
        return self.path / "checkpoints" / "last.pt"

    @property
    def best(self) -> Path:
        """The trained weights of the epoch with the best validation F1."""
        return self.path / "checkpoints" / "best.pt"

    @property
    def finished(self) -> bool:
        """Whether training came to its end: the network's own configuration is the last file to be written."""
        return (self.path / "model.json").is_file()

    def begin(self, config: TrainConfig, relations: Sequence[str], environment: Mapping[str, str]) -> None:
        """Makes the folder with what is known before the first step; `config.yaml` comes last."""
        (self.path / "checkpoints").mkdir(parents=True, exist_ok=True)
        write_json(self.path / "labels.json", {name: number for number, name in enumerate(relations)})
        lines = "".join(f"{name}: {value}\n" for name, value in environment.items())
        write_atomic(self.path / "environment.txt", lines.encode())
        write_atomic(self.config_file, dump_config(config).encode())

    def load_config(self) -> TrainConfig:
        """The configuration the run was started with.

        Raises:
            UserError: If the folder is no run.
        """
        if not self.config_file.is_file():
            raise UserError(f"{self.path}: not a run folder (it has no config.yaml)", "`dgf train` makes one.")
        return load_config(self.config_file)

    def finished_config(self) -> TrainConfig:
        """The configuration of a run whose training has ended.

        Raises:
            UserError: If the folder is no run, or training has not ended.
        """
        config = self.load_config()
        if not self.finished:
            raise UserError(f"{self.path}: training has not ended", f"`dgf train --resume --out {self.path}` ends it.")
        return config

    def write_metrics(self, epochs: Sequence[Mapping[str, Any]]) -> None:
        """Writes `metrics.jsonl`, one line an epoch."""
        write_atomic(self.path / "metrics.jsonl", "".join(json.dumps(epoch) + "\n" for epoch in epochs).encode())

    def write_data(self, facts: Mapping[str, Any]) -> None:
        """Writes `data.json`: rows and relations of the training data, and the features it was shown."""
        write_json(self.path / "data.json", facts)

    def read_data(self) -> dict[str, Any]:
        """What `write_data` wrote.

        Raises:
            UserError: If it is missing or damaged.
        """
        try:
            content = json.loads((self.path / "data.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path}: data.json cannot be read: {error}", "Train the run again.") from error
        return dict(content)


def save_checkpoint(file: Path, state: Mapping[str, Any]) -> None:
    """Writes tensors and plain values to one file, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_atomic(file, buffer.getvalue())


def load_checkpoint(file: Path) -> dict[str, Any]:
    """Reads a checkpoint; nothing but tensors and plain values is accepted.

    Raises:
        UserError: If it is damaged or holds anything else.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise UserError(
            f"{file}: not a readable checkpoint ({type(error).__name__})", "Delete it to start anew."
        ) from error
    return dict(state)


def trained_state(network: torch.nn.Module) -> dict[str, Tensor]:
    """The weights that training changes; those of a frozen language model are left out."""
    return {name: p.detach().cpu() for name, p in network.named_parameters() if p.requires_grad}


def restore_trained(network: torch.nn.Module, state: Mapping[str, Tensor], file: Path) -> None:
    """Puts trained weights back.

    Raises:
        UserError: If names or shapes differ from the network's.
    """
    own = {name: p for name, p in network.named_parameters() if p.requires_grad}
    wrong = sorted(own.keys() ^ state.keys()) or [n for n in own if own[n].shape != state[n].shape]
    if wrong:
        raise UserError(f"{file}: does not fit the network: {', '.join(wrong[:3])} differ", "Delete it to start anew.")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state[name])
