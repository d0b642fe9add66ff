"""The model card of a run, its README.md: what it is, what it learned from, how good it is and how that was measured.

A card is made of what lies in the run folder alone, so that `dgf train` and `dgf eval` write it whole each time. It
tells names and digests, never where on a disk something lies. Its last line is a seal: a card that somebody has
changed is theirs, and is left alone.
"""

import hashlib
import json
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from huggingface_hub import ModelCardData
from markupsafe import Markup

from dgf.model.checkpoint import CONFIG
from dgf.model.config import plain_values
from dgf.pipeline.files import write_atomic
from dgf.pipeline.posts import NONE
from dgf.pipeline.yaml_values import dump_yaml
from dgf.workflows.config import TrainConfig
from dgf.workflows.data import OF_FILES
from dgf.workflows.scoring import describe_selection
from dgf.workflows.sharing.figures import SplitFigures, read_figures
from dgf.workflows.sharing.markdown import render_markdown
from dgf.workflows.sharing.names import public_name
from dgf.workflows.sharing.parts import list_parts, named
from dgf.workflows.sharing.portable import RECORDED_FILES, recorded_paths, share_config, share_facts
from dgf.workflows.training.run_folder import RunFolder

CARD = "README.md"

_SEAL = re.compile(rb"<!-- sha256 ([0-9a-f]{64}) of the lines above: [^\n]*-->\n\Z")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")

_log = logging.getLogger(__name__)


def write_card(folder: RunFolder) -> None:
    """Write the card of a finished run, or write it again with what has come since; one that is not ours stays."""
    if not may_replace(folder):
        told = "it was changed by hand, or came with a shared run; without it, a new one is written"
        _log.info("note: %s stays as it is: %s", folder.path / CARD, told)
        return
    write_atomic(folder.path / CARD, make_card(folder).encode())


def may_replace(folder: RunFolder) -> bool:
    """Whether a run has no card, or one as dgf wrote it, and all that it was made of is still there."""
    try:
        content = (folder.path / CARD).read_bytes()
    except FileNotFoundError:
        return True
    found = _SEAL.search(content)
    sealed = found is not None and found[1].decode() == hashlib.sha256(content[: found.start()]).hexdigest()
    return sealed and folder.metrics_file.is_file()


def make_card(folder: RunFolder, repository: str | None = None) -> str:
    """Make the card of a finished run.

    Args:
        folder: The run.
        repository: Its name on a hub, where it is to lie there.

    Raises:
        UserError: The folder is no finished run.
    """
    recorded, kept = folder.finished_config(), folder.read_data()
    config, facts = share_config(recorded), share_facts(kept)
    relations = list(facts["training_rows"])
    figures = read_figures(folder, {*recorded_paths(recorded, kept), str(folder.path.absolute())}, relations)
    parts = list_parts(config, facts)
    name = repository or public_name(str(folder.path.absolute()))
    text = render_markdown(
        "card.md",
        front=Markup(dump_yaml(_front_matter(name, config, figures))),
        name=name,
        quoted=Markup(json.dumps(f"hub:{repository}" if repository else name)),
        config=config,
        network=plain_values(config.model)["name"],
        reads=config.model.reads,
        facts=facts,
        rows_by_relation=_rows_by_relation(facts["training_rows"], figures),
        negative=_negative_of(folder, relations),
        language_model=named(config.language_model),
        data=named(config.data.path),
        caption_files=str(facts["captioner"]).startswith(OF_FILES),
        parts=parts,
        random=[part.what for part in parts if part.random],
        digests={**facts.get("inputs", {}), **_digests_of_networks(facts)},
        selection=describe_selection(folder),
        protocol=config.protocol and named(config.protocol),
        figures=figures,
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    told = "`dgf eval` writes them again until somebody changes them"
    return f"{text}<!-- sha256 {digest} of the lines above: {told} -->\n"


def _front_matter(name: str, config: TrainConfig, figures: Sequence[SplitFigures]) -> dict[str, Any]:
    """What the hub reads of a card; figures that are no results are not among it."""
    data, model = config.data.path.removeprefix("hub:"), config.language_model
    results = [result for measured in figures if not measured.report["oracle"] for result in measured.results()]
    card = ModelCardData(
        library_name="dgf",
        license="other",
        license_name="that-of-its-parts",
        tags=["relation-extraction", "multimodal", plain_values(config.model)["name"]],
        datasets=[data] if data != config.data.path else None,
        base_model=model if _is_hub_model(model) else None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        model_name=name.rpartition("/")[2] if results else None,
        eval_results=results or None,
    )
    about: dict[str, Any] = card.to_dict()  # type: ignore[no-untyped-call]
    return about


def _negative_of(folder: RunFolder, relations: Collection[str]) -> str | None:
    """The relation that means "no relation", as the network has it; None where every relation counts."""
    about = json.loads((folder.path / CONFIG).read_text(encoding="utf-8"))
    negative: str | None = about.get("negative", NONE)  # older versions knew no other
    return negative if negative in relations else None


def _is_hub_model(language_model: str) -> bool:
    return language_model != "words" and _HUB_NAME.fullmatch(language_model) is not None


def _digests_of_networks(facts: Mapping[str, Any]) -> dict[str, str]:
    """Digests, by the name of what they are of."""
    found = {
        "language model before training": facts.get("digests", {}).get("language model"),
        "how photos are seen": facts["features"],
        "how photos are captioned": None if facts["captioner"] is None else facts["captioner"].removeprefix(OF_FILES),
        **{name: (facts.get(key) or {}).get("sha256") for key, name in RECORDED_FILES.items()},
    }
    return {name: digest for name, digest in found.items() if digest is not None}


def _rows_by_relation(
    training_rows: Mapping[str, int], figures: Sequence[SplitFigures]
) -> list[tuple[str, int, list[tuple[str, int] | None]]]:
    """Each relation, its training rows, and its F1 (in percent) and rows in each split with figures."""
    rows = []
    for name, count in sorted(training_rows.items(), key=lambda item: -item[1]):
        scored = [measured.report["scores"]["per_relation"].get(name) for measured in figures]
        rows.append((name, count, [one and (f"{100 * one['f1']:.1f}", one["support"]) for one in scored]))
    return rows
