"""Where everything that a figure rests on came from, in the sentences that stand beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dgf.pipeline.files import canonical_digest
from dgf.pipeline.shards import ShardFolder
from dgf.workflows.config import TrainConfig
from dgf.workflows.data import OF_FILES, Corpus, Placed, types_of_posts
from dgf.workflows.training.run_folder import RunFolder

HONEST = "no label reaches a prediction"
"""Said where it is proved: types are predicted or not used, nobody gave any, and captions are of a captioner."""

LEAKING = "oracle-types (leak the label)"
"""Said of types from a file that give relations away, where predictions rest on them."""

FROM_BOXES = "from boxes"
"""Said of scene graphs that are made of where a detector saw objects, and of nothing else."""

_DIGITS = 12
"""Of a digest in a sentence; reports have the whole of it."""


@dataclass(frozen=True, slots=True)
class AuditedTypes:
    """What an audit says of the types that were given (`dgf.workflows.audit.type_pairs`).

    Args:
        sentence: With its figures.
        leak: Whether they give relations away.
    """

    sentence: str
    leak: bool


@dataclass(frozen=True, slots=True)
class Protocols:
    """A sentence on each source.

    Args:
        types: Where entity types came from.
        photos: Which photos were seen, and through which features.
        captions: Whose captions were read.
        selection: How the epoch was chosen.
        oracle: Whether something among these gives the label away, so that figures are no results.
        line: What must stand beside every figure.
    """

    types: str
    photos: str
    captions: str
    selection: str
    oracle: bool
    line: str


def describe_protocols(
    folder: RunFolder, config: TrainConfig, corpus: Corpus, placed: Placed, audited: AuditedTypes | None
) -> Protocols:
    """Say where everything came from that a run read of a split.

    Args:
        folder: The run.
        config: The run's configuration, its `data` section that of the evaluated posts.
        corpus: What was read.
        placed: The rows, and the outcome of looking for their photos.
        audited: Of the types that files and posts give; None where none does.
    """
    facts = folder.read_data()
    given, in_training = _given_types(corpus), _training_types(facts)
    types = _types(config, given, in_training) + ("" if audited is None else f"; audited: {audited.sentence}")
    captions = _captions(config, corpus)
    # types that training alone reads reach no prediction, whatever they give away
    leaking = audited is not None and audited.leak and config.model.reads.entity_types == "file"
    said = [f"{LEAKING}: types {types}" if leaking else f"types {types}"] if given or in_training else []
    if _reads_caption_files(config, corpus):
        said.append(f"captions are {captions}")
    if given_boxes := _given_boxes(config, corpus):
        said.append(f"objects are at the boxes of {given_boxes}")
    if (graphs := _graphs(config, corpus, facts)) and graphs != FROM_BOXES:
        said.append(f"scene graphs are {graphs}")
    line = config.model.protocol or "; ".join(said) or HONEST
    boxes = f"scene graphs: {graphs}" if graphs == FROM_BOXES else None  # which are made of pixels alone
    notes = [note for note in (boxes, config.control, config.word_vectors) if note is not None and note not in line]
    return Protocols(
        types=types,
        photos=_photos(config, corpus, placed) + _aligned(config, graphs),
        captions=captions,
        selection=describe_selection(folder),
        oracle=leaking or config.model.protocol is not None,
        line="; ".join([line, *notes]),
    )


def _given_types(corpus: Corpus) -> str:
    """Name what gives the evaluated posts types, with its digest; nothing where nothing does."""
    named = []
    if (file := corpus.type_file) is not None:
        named.append(f"{file.file} (sha256 {file.sha256[:_DIGITS]})")
    if own := types_of_posts(corpus.dataset.posts):
        digest = canonical_digest({post: list(pair) for post, pair in own.items()})
        named.append(f"the posts of {corpus.dataset.root} (sha256 {digest[:_DIGITS]} of their types)")
    return " and ".join(named)


def _training_types(facts: Mapping[str, Any]) -> str:
    """Name the file of types that the run was trained with, likewise."""
    given = facts.get("types_file")
    return f"{given['file']} (sha256 {given['sha256'][:_DIGITS]})" if given else ""


def _types(config: TrainConfig, given: str, in_training: str) -> str:
    kind = config.model.reads.entity_types
    if kind == "gold":
        return "are read out of the gold relation's name"
    trained = f"; training had those of {in_training}" if in_training and in_training not in given else ""
    if kind == "file":
        return (f"are given by {given}" if given else "are predicted where none is given, and none is") + trained
    said = "are predicted by the network" if kind == "predicted" else "are not used"
    return said + (f"; there are some in {given}, which training may have used" if given else "") + trained


def _photos(config: TrainConfig, corpus: Corpus, placed: Placed) -> str:
    reads, share = config.model.reads, config.data.image_share
    if corpus.store is None or not (reads.objects or reads.image):
        return "none is read"
    shown = "all are shown" if share == 1 else f"{100 * share:g}% are shown, drawn by the seed {config.data_seed}"
    missing = f"; {len(placed.missing)} rows lack theirs" if placed.missing else ""
    skipped = f"; {len(placed.skipped)} rows without theirs are left out" if placed.skipped else ""
    return f"{shown}, as features {corpus.store.fingerprint[:_DIGITS]}{missing}{skipped}"


def _given_boxes(config: TrainConfig, corpus: Corpus) -> str:
    """Name the file at whose boxes the objects are that a model reads; nothing where a detector found them."""
    reads = config.model.reads
    if corpus.store is None or not (reads.objects or reads.image == "pyramid" or reads.alignment):
        return ""
    folder = ShardFolder.open(corpus.store.folder, "features")
    given = folder.settings.get("boxes")
    return f"{folder.command['boxes']} (sha256 {given['sha256'][:_DIGITS]})" if given else ""


def _graphs(config: TrainConfig, corpus: Corpus, facts: Mapping[str, Any]) -> str:
    """Say where the scene graphs that a model reads come from; nothing where it reads none."""
    if config.model.reads.alignment is None or corpus.store is None:
        return ""
    trained, now = facts.get("graphs_file"), None if corpus.graphs is None else corpus.graphs.named
    said = FROM_BOXES if now is None else _of_graph_file(now)
    return said if trained in (None, now) else f"{said}; training had those {_of_graph_file(trained)}"


def _of_graph_file(named: Mapping[str, str]) -> str:
    return f"of {named['file']} (sha256 {named['sha256'][:_DIGITS]})"


def _aligned(config: TrainConfig, graphs: str) -> str:
    """What a model that aligns words and objects by scene graphs does with them."""
    return f"; scene graphs: {graphs}; structural alignment: {config.model.reads.alignment}" if graphs else ""


def _captions(config: TrainConfig, corpus: Corpus) -> str:
    captioner = corpus.captioner
    if captioner is None or not config.model.reads.captions:
        return "none is read"
    whose = "each photo's own" if config.data.captions_of == "own" else "those of other photos (control)"
    if captioner.startswith(OF_FILES):
        return f"{whose}, of files (sha256 {captioner.removeprefix(OF_FILES)[:_DIGITS]})"
    return f"{whose}, of captioner {captioner[:_DIGITS]}"


def _reads_caption_files(config: TrainConfig, corpus: Corpus) -> bool:
    """Whether captions come from files, of which nobody can know what whoever wrote them had in sight."""
    captioner = corpus.captioner
    return config.model.reads.captions and captioner is not None and captioner.startswith(OF_FILES)


def describe_selection(folder: RunFolder) -> str:
    """Name the epoch that training kept, the first with the best validation F1, where the run's metrics say it."""
    chosen = "has the best micro F1 on the validation split"
    try:
        lines = folder.metrics_file.read_text(encoding="utf-8").splitlines()
        epochs = [json.loads(line) for line in lines]
        best = max(epochs, key=lambda epoch: float(epoch["val"]["f1"]))
        return f"epoch {int(best['epoch'])} of {len(epochs)} {chosen}"
    except (OSError, ValueError, KeyError, TypeError):
        return f"the epoch {chosen}"
