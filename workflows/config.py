"""The configuration of a training run: dataclasses, read from presets, a YAML file and `key=value` words."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from dgf.model.catalog import DEFAULT_MODEL, MODEL_KINDS, check_model, find_kind
from dgf.model.config import Number, OrNone, RelationConfig, Whole, check_values, plain_values
from dgf.pipeline.errors import UserError
from dgf.pipeline.text_files import read_whole
from dgf.pipeline.yaml_values import dump_yaml, load_yaml


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What a run reads; the command line's options fill it, and `dgf eval` finds its data through it.

    Args:
        path: The data set.
        features: Folder of feature shards; None to train on text alone.
        captions: Folder of caption shards; None for no captions.
        types: JSONL file of entity types for posts ({"id", "head", "tail"}); None where there is none.
        missing_images: What to do with a row whose photo is not in the shards.
        on_error: What to do with a bad row.
        max_length: Most tokens of a sentence (Table 3: 128).
        span_unit: What spans into a text count where they do not say.
        negative_label: The relation that means "no relation", which figures leave out; null finds it by its name
            (None, NA, no_relation, ...), "" says that every relation counts.
        image_share: Share of the photos that is kept, drawn by the seed (Figure 3); the others count as missing
            on purpose and their rows run on text.
    """

    path: str = ""
    features: str | None = None
    captions: str | None = None
    types: str | None = None
    missing_images: Literal["error", "skip", "text-only"] = "error"
    on_error: Literal["stop", "skip"] = "stop"
    span_unit: Literal["characters", "utf16"] = "characters"
    negative_label: str | None = None
    max_length: Annotated[Whole, Field(ge=8, le=1024)] = 128
    image_share: Annotated[Number, Field(ge=0, le=1)] = 1.0


@dataclass(frozen=True, slots=True)
class OptimConfig:
    """How the network learns; the defaults are the paper's Table 3 where it says.

    Args:
        epochs: Passes over the training split.
        batch_size: Rows a step.
        learning_rate: Of the parameters this project adds (prefixes, gates, heads).
        lm_learning_rate: Of the language model's own weights, where `model.plm` is `full` or `lora`.
        weight_decay: AdamW's, on matrices; biases, norms and vectors have none.
        warmup: Share of the steps over which the rate rises, in equal parts, to the whole of it.
        schedule: What the rate does after that.
        clip_norm: Largest norm of a step's gradient.
        patience: Stop after so many epochs without a better validation F1; None to run all epochs.
    """

    epochs: Annotated[Whole, Field(ge=1)] = 20
    batch_size: Annotated[Whole, Field(ge=1)] = 100
    learning_rate: Annotated[Number, Field(gt=0, le=1)] = 2e-4
    lm_learning_rate: Annotated[Number, Field(gt=0, le=1)] = 5e-5
    weight_decay: Annotated[Number, Field(ge=0)] = 0.01
    warmup: Annotated[Number, Field(ge=0, le=1)] = 0.06
    schedule: Literal["linear", "constant"] = "linear"
    clip_norm: Annotated[Number, Field(gt=0)] = 1.0
    patience: Annotated[Annotated[Whole, Field(ge=1)] | None, OrNone] = None


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything a run depends on.

    Args:
        language_model: A local directory, a GGUF file, a name of the Hugging Face hub, or `random:gpt2` and the like.
        data: What it reads.
        model: The network; the class of its configuration is that of `model.name`.
        optim: The optimizer.
        seed: Of the order of rows, dropout and the photos kept, and of initial weights where `model.seed` is not set.
        precision: `auto` is bfloat16 where the device computes in it natively, float32 elsewhere.
        dtype: What the language model's frozen matrices are stored in: `auto` is what they are computed in, which
            `precision` says; what learns is always stored in float32.
    """

    language_model: str = "gpt2"
    data: DataConfig = field(default_factory=DataConfig)
    model: Annotated[RelationConfig, PlainValidator(lambda ready: ready)] = field(
        default_factory=MODEL_KINDS[DEFAULT_MODEL].config
    )
    optim: OptimConfig = field(default_factory=OptimConfig)
    seed: Annotated[Whole, Field(ge=0, lt=2**31)] = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"


_MAX_CHARACTERS = 1 << 16
"""Of a configuration file."""

_LONGEST_VALUE = 4096
"""Characters of a value on the command line."""

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {},
    "finetune": {"optim": {"epochs": 3, "batch_size": 32, "learning_rate": 1e-4, "lm_learning_rate": 1e-4}},
    "demo": {
        "language_model": "random:gpt2?n_layer=2&n_embd=128&n_head=4",
        "optim": {"epochs": 8, "batch_size": 16, "learning_rate": 1e-3, "lm_learning_rate": 1e-3},
    },
}
"""Values that differ from the defaults, beside those of the model's own presets (`dgf.model.catalog`).

`paper` is the defaults (Table 3: frozen model, lr 2e-4, batch 100).
"""


def resolve_config(
    preset: str = "paper",
    file: Path | None = None,
    overrides: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
) -> TrainConfig:
    """Read a configuration: the preset, then the file, then `key=value` words, then the command line's data options.

    Args:
        preset: A name in `PRESETS`.
        file: YAML with any of the keys.
        overrides: Words such as `model.plm=full` or `optim.epochs=5`.
        data: Values of the `data` section.

    Raises:
        UserError: If anything is unknown or out of range; every fault is named at once.
    """
    if preset not in PRESETS:
        raise UserError(f"no preset is called {preset!r}", f"Use one of: {', '.join(PRESETS)}.")
    asked: dict[str, Any] = {}
    if file is not None:
        _merge(asked, _read_yaml(file))
    faults = [fault for word in overrides if (fault := _override(asked, word))]
    _merge(asked, {"data": dict(data or {})})
    kind = find_kind(asked.get("model"))  # its part of the preset
    values: dict[str, Any] = {}
    for layer in (PRESETS[preset], {"model": {} if kind is None else kind.presets.get(preset, {})}, asked):
        _merge(values, layer)
    return _validated(values, faults, file or f"preset {preset}")


def names_language_model(file: Path | None, overrides: Sequence[str]) -> bool:
    """Say whether the language model was asked for by name, rather than left at the default."""
    in_file = file is not None and "language_model" in _read_yaml(file)
    return in_file or any(word.startswith("language_model=") for word in overrides)


def load_config(file: Path) -> TrainConfig:
    """Read a resolved configuration as `dump_config` wrote it, sealed or not.

    Raises:
        UserError: If the file is missing, does not fit, or has changed since it was sealed.
    """
    try:
        text, seal = _split_seal(file.read_bytes())
    except OSError as fault:
        raise UserError(f"{file}: cannot be read: {fault.strerror or fault}") from fault
    if seal is not None and seal != hashlib.sha256(text).hexdigest().encode():
        raise UserError(
            f"{file}: was changed after `dgf train` wrote it, and what it says is not what the run was trained with",
            "Undo the change; another data set is named with `dgf eval --data`. Removing the last line, which starts "
            "with `# sha256`, accepts a change that was made on purpose.",
        )
    return _validated(_read_yaml(file), [], file, recorded=True)


def dump_config(config: TrainConfig, *, sealed: bool = False) -> str:
    """Return the resolved configuration as YAML; `sealed` ends it with a comment that shows later changes."""
    text = dump_yaml(plain_values(config))
    return f"{text}# sha256 {hashlib.sha256(text.encode()).hexdigest()} of the lines above\n" if sealed else text


def _split_seal(content: bytes) -> tuple[bytes, bytes | None]:
    """The text and the checksum of a sealed configuration; the whole and None of another."""
    found = re.search(rb"^# sha256 (.*) of the lines above\s*\Z", content, re.MULTILINE)
    return (content[: found.start()], found[1]) if found else (content, None)


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(into.get(key, {}), dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def _read_yaml(file: Path) -> Mapping[str, Any]:
    try:
        values = load_yaml(read_whole(file, _MAX_CHARACTERS))
    except ValueError as fault:
        raise UserError(f"{file}: not YAML: {fault}") from fault
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise UserError(f"{file}: must hold keys and values, such as `seed: 1`")
    return values


def _override(values: dict[str, Any], word: str) -> str | None:
    """Apply one `key=value` word; return a fault where it is not one."""
    key, separator, text = word.partition("=")
    if not separator or not key:
        return f"{word!r}: not of the form key=value"
    *sections, last = key.split(".")
    if len(text) > _LONGEST_VALUE:
        return f"{key}: a value of over {_LONGEST_VALUE} characters"
    try:
        value = load_yaml(text)
    except ValueError:
        return f"{word!r}: the value is not YAML"
    for section in reversed(sections):
        last, value = section, {last: value}
    _merge(values, {last: value})
    return None


def _validated(
    values: Mapping[str, Any], faults: list[str], source: Path | str, *, recorded: bool = False
) -> TrainConfig:
    """Check every section at once; `model.seed` is the run's where it is not set."""
    rest = {key: value for key, value in values.items() if key != "model"}
    section = values.get("model", {})
    if isinstance(section, Mapping):
        section = {"seed": values.get("seed", 0), **section}
    model, of_model = check_model(section, "model.", recorded=recorded)
    config, of_rest = check_values(TrainConfig, rest)
    faults = faults + of_model + of_rest
    if faults or config is None or model is None:
        raise UserError("\n  ".join([f"configuration ({source}) has {len(faults)} fault(s):", *faults]))
    return replace(config, model=model)
