"""Learning curves: `curves.png` in the run folder and, on request, TensorBoard's events."""

import importlib.util
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import write_atomic

SECONDS_BETWEEN = 10.0
"""At least, between two drawings: where epochs take less, drawing each would cost a good part of the time."""

Metrics = Sequence[Mapping[str, Any]]
"""Lines of `metrics.jsonl`."""


@dataclass(slots=True)
class Curves:
    """Keeps the curves of a run up to date.

    Args:
        folder: The run's.
        board: TensorBoard's writer, from `open_board`; None where it is not wanted.
    """

    folder: Path
    board: Any = None
    _drawn: float = field(default_factory=time.monotonic)
    _logged: int = 0

    def update(self, metrics: Metrics) -> None:
        """Draw them, unless they were drawn, or the run began, a moment ago."""
        if self.board is not None:
            for line in metrics[self._logged :]:
                _log(self.board, line)
            self._logged = len(metrics)
            self.board.flush()
        if time.monotonic() - self._drawn >= SECONDS_BETWEEN:
            write_atomic(self.folder / "curves.png", draw_curves(metrics))
            self._drawn = time.monotonic()

    def finish(self, metrics: Metrics) -> None:
        """Draw them once more, with every epoch."""
        self._drawn = float("-inf")
        self.update(metrics)
        if self.board is not None:
            self.board.close()


def draw_curves(metrics: Metrics) -> bytes:
    """Draw losses and validation figures over the epochs, as a PNG; the best epoch is marked."""
    from matplotlib.figure import Figure  # not pyplot, whose figures live in a global state

    figure = Figure(figsize=(10, 4))
    figure.subplots_adjust(left=0.06, right=0.98, bottom=0.12, top=0.9)
    if protocol := metrics[0].get("protocol"):
        figure.suptitle(f"protocol: {protocol}", color="firebrick", fontsize="small")
        figure.subplots_adjust(top=0.85)
    losses, figures = figure.subplots(1, 2)
    epochs = [line["epoch"] for line in metrics]
    for name in metrics[0]["loss"]:
        losses.plot(epochs, [line["loss"][name] for line in metrics], marker=".", label=name)
    losses.set(title="training loss" if metrics[0]["loss"] else "nothing was trained", xlabel="epoch")
    for name in ("f1", "precision", "recall", "accuracy"):
        figures.plot(epochs, [100 * line["val"][name] for line in metrics], marker=".", label=name)
    best = max(metrics, key=lambda line: line["val"]["f1"])
    title = f"validation, best micro F1 {100 * best['val']['f1']:.2f} in epoch {best['epoch']}"
    figures.axvline(best["epoch"], color="gray", linestyle=":")
    figures.set(title=title, xlabel="epoch", ylabel="%")
    for axes in (losses, figures):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize="small")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100)
    return picture.getvalue()


def open_board(folder: Path, next_epoch: int) -> Any:
    """Open TensorBoard's writer in `tensorboard/` of a run; what a killed run logged of later epochs is hidden.

    Raises:
        UserError: If TensorBoard is not installed.
    """
    check_board()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder / "tensorboard"), purge_step=next_epoch)


def check_board() -> None:
    """Raise a UserError where TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError("--tensorboard: TensorBoard is not installed", "pip install 'dgf[tensorboard]'")


def _log(board: Any, line: Mapping[str, Any]) -> None:
    for section, name in (("loss", "loss"), ("val", "validation")):
        for key, value in line[section].items():
            board.add_scalar(f"{name}/{key}", value, line["epoch"])
    board.add_scalar("rows_per_second", line["rows_per_second"], line["epoch"])
