"""Experiments for the terminal: what there is, and what each row is."""

from collections.abc import Iterator, Sequence

from dgf.workflows.config import TrainConfig
from dgf.workflows.reproduce.experiments import RULES, Experiment, Row, resolve

_SHORT = {"accuracy": "Acc", "precision": "P", "recall": "R", "f1": "F1"}


def list_lines(experiments: Sequence[Experiment]) -> Iterator[str]:
    """A line an experiment: name, title, rows, what its models read."""
    width = max(len(experiment.name) for experiment in experiments)
    for experiment in experiments:
        configs = [config for row in experiment.rows if (config := _config(row)) is not None]
        needs = ", ".join(dict.fromkeys(need for config in configs for need in _reads(config)))
        many = len(experiment.rows) * len(experiment.points)
        yield f"{experiment.name:<{width}}  {experiment.title} ({many} rows; reads {needs})"


def show_lines(experiment: Experiment) -> Iterator[str]:
    """Everything of one: its rows with their keys, what they read, and the paper's figures with what they are worth."""
    yield f"{experiment.name}: {experiment.title} ({experiment.of})"
    if experiment.note:
        yield experiment.note
    for key, values in experiment.varies.items():
        yield f"each row with {key} = {', '.join(map(str, values))}"
    for row in experiment.rows:
        yield ""
        yield f"{row.name}: {row.title}"
        if row.rule is not None:
            yield f"  no model: {RULES[row.rule]}"
        elif (config := _config(row)) is not None:
            yield f"  keys    {' '.join(row.words) or 'those of the preset'}"
            yield f"  reads   {', '.join(_reads(config))}"
            what = "oracle" if config.model.protocol else "figures"
            yield from [f"  {what:<8}{config.protocol}"] if config.protocol else []
        yield from _paper_lines(row)


def _paper_lines(row: Row) -> Iterator[str]:
    found = row.feasibility
    if found is None:
        return
    yield f"  paper   {', '.join(f'{_SHORT[name]} {text}' for name, text in row.paper.items())} ({row.source})"
    if found.possible:
        yield "          one confusion matrix of MNRE's test split has them, rounded"
    else:
        yield "          no confusion matrix of MNRE's test split has them, rounded:"
        yield from (f"          - {reason}" for reason in found.reasons)


def _config(row: Row) -> TrainConfig | None:
    return resolve(row.words)[0] if row.rule is None else None


def _reads(config: TrainConfig) -> list[str]:
    """What the row's model reads, by the options that bring it."""
    reads = config.model.reads
    types = {"file": ["--types"], "gold": ["the gold relation (oracle)"]}.get(reads.entity_types, [])
    array = f" made with --{reads.image}" if reads.image in ("fc7", "pyramid") else ""
    features = ["--features" + array] if reads.objects or reads.image else []
    graphs = ["--graphs (or graphs of boxes)"] if reads.alignment is not None else []
    return ["text", *features, *graphs, *(["--captions"] if reads.captions else []), *types]
