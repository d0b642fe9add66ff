"""The configuration of a training run: dataclasses, read from presets, a YAML file and `key=value` words."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator

from dgf.model.catalog import DEFAULT_MODEL, MODEL_KINDS, check_model, find_kind
from dgf.model.config import Number, OrNone, RelationConfig, Whole, check_values, plain_values
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import canonical_digest
from dgf.pipeline.text_files import read_whole
from dgf.pipeline.yaml_values import dump_yaml, load_yaml
from dgf.workflows.settings import PostLayout


def _paths(value: object) -> object:
    """Take a path, or a list of at least one, and say nothing else of what is neither."""
    if isinstance(value, list | tuple):
        if not value or not all(isinstance(path, str) and path for path in value):
            raise ValueError(f"{value!r} is not a list of paths")
        return tuple(value)
    if not isinstance(value, str | None):
        raise ValueError(f"{value!r} is neither a path nor a list of paths")
    return value


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What a run reads; the command line's options fill it, and `dgf eval` finds its data through it.

    Args:
        path: The data set.
        features: Folder of feature shards; None to train on text alone.
        captions: Folder of caption shards, or a file or files of captions, one line a photo (which need no features);
            None for no captions.
        captions_of: Whose caption a photo gets: its `own`, or as a control that of another photo of its split
            (`others`), drawn by the seed.
        types: JSONL file of entity types for posts ({"id", "head", "tail"}); None where there is none.
        graphs: File of scene graphs, JSON lines or what Scene-Graph-Benchmark wrote, for a model that reads them; None
            makes them of the boxes of detected objects.
        missing_images: What to do with a row whose photo is not in the shards.
        on_error: What to do with a bad row.
        max_length: Most tokens of a sentence (Table 3: 128).
        max_caption: Most tokens of a caption that are read; Oscar writes at most twenty word pieces.
        span_unit: What spans into a text count where they do not say.
        layout: How the posts lie on the disk; null tells it by the files.
        negative_label: The relation that means "no relation", which figures leave out; null finds it by its name
            (None, NA, no_relation, ...), "" says that every relation counts.
        image_share: Share of the photos of each split that is kept, drawn by the seed (Figure 3): exactly so many,
            and among those of a larger share. The others are missing on purpose, their captions too, and their rows
            run on text.
        train_share: Share of the training rows that is kept, likewise; it has the relations in their proportions.
        shots: Training rows of each relation that are kept, likewise; all where there are fewer. Null keeps all.
        seed: Draws photos, rows and captions of others; null takes the run's.
    """

    path: str = ""
    features: str | None = None
    captions: Annotated[str | tuple[str, ...] | None, BeforeValidator(_paths)] = None
    captions_of: Literal["own", "others"] = "own"
    types: str | None = None
    graphs: str | None = None
    missing_images: Literal["error", "skip", "text-only"] = "error"
    on_error: Literal["stop", "skip"] = "stop"
    span_unit: Literal["characters", "utf16"] = "characters"
    layout: PostLayout = None
    negative_label: str | None = None
    max_length: Annotated[Whole, Field(ge=8, le=1024)] = 128
    max_caption: Annotated[Whole, Field(ge=1, le=1024)] = 32
    image_share: Annotated[Number, Field(ge=0, le=1)] = 1.0
    train_share: Annotated[Number, Field(gt=0, le=1)] = 1.0
    shots: Annotated[Annotated[Whole, Field(ge=1)] | None, OrNone] = None
    seed: Annotated[Annotated[Whole, Field(ge=0, lt=2**31)] | None, OrNone] = None


def _check_interval(value: object) -> object:
    """Take minutes such as `10m`, a number of steps, or None (also as a word)."""
    if value is None or (isinstance(value, str) and value.casefold() == "none"):
        return None
    text = str(value)
    number = text.removesuffix("m")
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?" if "m" in text else r"\d{1,9}", number):
        raise ValueError(f"{value!r} is neither minutes, such as 10m, nor steps, such as 500, nor none")
    if float(number) == 0:
        raise ValueError("must be more than 0; none writes checkpoints at the ends of epochs alone")
    return text if text.endswith("m") else int(text)


@dataclass(frozen=True, slots=True)
class OptimConfig:
    """How the network learns; the defaults are the paper's Table 3 where it says.

    Args:
        epochs: Passes over the training split.
        batch_size: Rows a step.
        accumulate: Parts that a step's rows go through the network in, one after another, which takes less memory. The
            gradient is that of the whole step where a loss is a mean over rows; eq. 12 finds its negatives within a
            part, and the types' loss is a mean over the typed rows of each part.
        learning_rate: Of the parameters this project adds (prefixes, gates, heads).
        lm_learning_rate: Of the language model's own weights, where `model.plm` is `full` or `lora`.
        temperature_rate: Of the logarithms of temperatures, single numbers that a rate for weights hardly moves.
        optimizer: `adamw`, or `sgd` without momentum.
        weight_decay: AdamW's, or for SGD that of the gradient (L2).
        decay: What decays: `matrices`, not biases, norms and vectors; or `all`.
        warmup: Share of the steps over which the rate rises, in equal parts, to the whole of it.
        warmup_steps: Number of these steps, in place of the share; null takes the share.
        schedule: What the rate does after that.
        clip_norm: Largest norm of a step's gradient; null leaves it as it is.
        adversarial: How far the word embeddings are moved in each step, along their gradient, for a second pass from
            which half of the step's gradient comes (Miyato et al., 2017): it takes twice the time, and what is learned
            holds for other words too. 0 for no such pass; needs `model.plm: full`.
        patience: Stop after so many epochs without a better validation F1; None to run all epochs.
        checkpoint_every: How often a checkpoint is written inside an epoch: minutes (`10m`) or steps (`500`); None for
            none between the ends of epochs. What is trained does not depend on it.
    """

    epochs: Annotated[Whole, Field(ge=1)] = 20
    batch_size: Annotated[Whole, Field(ge=1)] = 100
    accumulate: Annotated[Whole, Field(ge=1)] = 1
    learning_rate: Annotated[Number, Field(gt=0, le=1)] = 2e-4
    lm_learning_rate: Annotated[Number, Field(gt=0, le=1)] = 5e-5
    temperature_rate: Annotated[Number, Field(gt=0, le=1)] = 5e-3
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: Annotated[Number, Field(ge=0)] = 0.01
    decay: Literal["matrices", "all"] = "matrices"
    warmup: Annotated[Number, Field(ge=0, le=1)] = 0.06
    warmup_steps: Annotated[Annotated[Whole, Field(ge=1)] | None, OrNone] = None
    schedule: Literal["linear", "constant"] = "linear"
    clip_norm: Annotated[Annotated[Number, Field(gt=0)] | None, OrNone] = 1.0
    adversarial: Annotated[Number, Field(ge=0)] = 0.0
    patience: Annotated[Annotated[Whole, Field(ge=1)] | None, OrNone] = None
    checkpoint_every: Annotated[str | int | None, PlainValidator(_check_interval)] = "10m"


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything a run depends on.

    Args:
        language_model: A local directory, a GGUF file, a name of the Hugging Face hub, or `random:gpt2` and the like.
            For models that read word vectors also `words:FILE` (GloVe's text, word2vec's text or binary), or `words`:
            random ones for the words of the training sentences.
        data: What it reads.
        model: The network; the class of its configuration is that of `model.name`.
        optim: The optimizer.
        seed: Of the order of rows, dropout and the photos kept, and of initial weights where `model.seed` is not set.
        precision: `auto` is bfloat16 where the device computes in it natively, float32 elsewhere.
        dtype: What the language model's frozen matrices are stored in: `auto` is what they are computed in, which
            `precision` says; what learns is always stored in float32.
        checkpoint_activations: Whether the language model's layers compute their inside again in the backward pass
            instead of keeping it, which takes less memory and more time; what is trained does not depend on it.
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
    checkpoint_activations: bool = False

    @property
    def protocol(self) -> str | None:
        """What must stand beside every figure; None where nothing need be said."""
        given = self.data.types or "the posts"
        types = f"types are given by {given}" if self.model.reads.entity_types == "file" else None
        given_graphs = self.model.reads.alignment is not None and self.data.graphs is not None
        graphs = f"scene graphs are those of {self.data.graphs}" if given_graphs else None
        return "; ".join(filter(None, (self.model.protocol, types, graphs, self.control, self.word_vectors))) or None

    @property
    def control(self) -> str | None:
        """That figures are those of a control, and no result."""
        return "captions are those of other photos (control)" if self.data.captions_of == "others" else None

    @property
    def word_vectors(self) -> str | None:
        """Where they come from, of a model that reads nothing else of a language model."""
        if not self.model.reads.word_vectors:
            return None
        kind, _, file = self.language_model.partition(":")
        if kind != "words":
            return f"word vectors start as the static embeddings of {self.language_model}, which are not GloVe's"
        if file:
            return f"word vectors start as those of {Path(file).name}"
        return "word vectors are trained from scratch, of no file such as GloVe's"

    @property
    def data_seed(self) -> int:
        """What draws photos, rows and captions of others."""
        return self.seed if self.data.seed is None else self.data.seed


Configured = TypeVar("Configured")

_MAX_CHARACTERS = 1 << 16
"""Of a configuration file."""

_LONGEST_VALUE = 4096
"""Characters of a value on the command line."""


def resolve_config(
    preset: str = "paper",
    file: Path | None = None,
    overrides: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
) -> TrainConfig:
    """Read a configuration: the preset, then the file, then `key=value` words, then the command line's data options.

    Args:
        preset: Of the model (`dgf.model.catalog`); `paper` is what its authors published.
        file: YAML with any of the keys.
        overrides: Words such as `model.plm=full` or `optim.epochs=5`.
        data: Values of the `data` section.

    Raises:
        UserError: If anything is unknown or out of range; every fault is named at once.
    """
    return _accept(*check_config(preset, file, overrides, data), file or f"preset {preset}")


def check_config(
    preset: str = "paper",
    file: Path | None = None,
    overrides: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
) -> tuple[TrainConfig | None, list[str]]:
    """Read a configuration as `resolve_config` does; say the faults in its values instead of raising them.

    Raises:
        UserError: If the model has no such preset, or the file cannot be read.
    """
    asked: dict[str, Any] = {}
    if file is not None:
        _merge(asked, _read_yaml(file))
    faults = [fault for word in overrides if (fault := _override(asked, word))]
    _merge(asked, {"data": dict(data or {})})
    kind = find_kind(asked.get("model"))
    if kind is not None and preset not in kind.presets:
        of = "" if kind is MODEL_KINDS[DEFAULT_MODEL] else f" of {asked['model']['name']}"
        raise UserError(f"no preset{of} is called {preset!r}", f"Use one of: {', '.join(kind.presets)}.")
    values: dict[str, Any] = {}
    for layer in ({} if kind is None else kind.presets[preset], asked):
        _merge(values, layer)
    return _checked(values, faults)


def change_data(config: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration with other values in its `data` section.

    Raises:
        UserError: If anything is unknown or out of range; every fault is named at once.
    """
    data, faults = check_values(DataConfig, {**plain_values(config.data), **changes}, "data.")
    return replace(config, data=_accept(data, faults, "changes"))


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
    return _accept(*_checked(_read_yaml(file), [], recorded=True), file)


def as_recorded(config: TrainConfig, file: Path) -> TrainConfig:
    """Return a configuration in which the keys that a run's file lacks mean what they did to the version that wrote it.

    Raises:
        UserError: If the file is missing or does not fit.
    """
    return _accept(*_checked(_only(plain_values(config), _read_yaml(file)), [], recorded=True), file)


def dump_config(config: TrainConfig, *, sealed: bool = False) -> str:
    """Return the resolved configuration as YAML; `sealed` ends it with a comment that shows later changes."""
    text = dump_yaml(plain_values(config))
    return f"{text}# sha256 {hashlib.sha256(text.encode()).hexdigest()} of the lines above\n" if sealed else text


def digest_config(values: Mapping[str, Any]) -> str:
    """Digest the plain values of a configuration, to name what belongs to it alike in this and older versions."""
    model = values["model"]
    before = MODEL_KINDS[model["name"]].named_without
    named = {key: value for key, value in model.items() if key not in before or value != before[key]}
    return canonical_digest({**values, "model": named})


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


def _only(values: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the keys that `known` has too, also inside sections."""
    return {
        key: _only(value, known[key]) if isinstance(value, Mapping) and isinstance(known[key], Mapping) else value
        for key, value in values.items()
        if key in known
    }


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


def _checked(
    values: Mapping[str, Any], faults: list[str], *, recorded: bool = False
) -> tuple[TrainConfig | None, list[str]]:
    """Check every section at once; `model.seed` is the run's where it is not set."""
    rest = {key: value for key, value in values.items() if key != "model"}
    section = values.get("model", {})
    if isinstance(section, Mapping):
        section = {"seed": values.get("seed", 0), **section}
    model, of_model = check_model(section, "model.", recorded=recorded)
    config, of_rest = check_values(TrainConfig, rest)
    faults = faults + of_model + of_rest
    if config is not None and config.data.shots is not None and config.data.train_share < 1:
        faults.append("data.shots, data.train_share: both choose the training rows; give one of them")
    if config is None or model is None:
        return None, faults
    return replace(config, model=model), faults


def _accept(config: Configured | None, faults: Sequence[str], source: Path | str) -> Configured:
    if faults or config is None:
        raise UserError("\n  ".join([f"configuration ({source}) has {len(faults)} fault(s):", *faults]))
    return config
