"""Relations between two entities from a post and its photo (DGF-PT), in three lines of Python.

    import dgf
    model = dgf.load("runs/paper")
    answer = model.predict("Ada joins the Royal Society", head="Ada", tail="Royal Society", image="photo.jpg")

Nothing heavy is imported before `load` or `read` is called; docs/api.md shows all of it.
"""

import importlib
import os
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from dgf.pipeline.errors import UserError
    from dgf.pipeline.posts import Dataset, Post
    from dgf.workflows.predict.answer import Answer, Unanswered
    from dgf.workflows.predict.loaded_run import LoadedRun

__all__ = ["Answer", "Dataset", "LoadedRun", "Post", "Unanswered", "UserError", "from_pretrained", "load", "read"]

# This folder holds nothing but this file: cli, workflows, pipeline and model may be found elsewhere on the path.
__path__ = pkgutil.extend_path(__path__, __name__)

_HOMES = {
    "Answer": "dgf.workflows.predict.answer",
    "Dataset": "dgf.pipeline.posts",
    "LoadedRun": "dgf.workflows.predict.loaded_run",
    "Post": "dgf.pipeline.posts",
    "Unanswered": "dgf.workflows.predict.answer",
    "UserError": "dgf.pipeline.errors",
}


def load(
    run: str | os.PathLike[str],
    *,
    device: str = "auto",
    dtype: Literal["float32", "bfloat16"] | None = None,
    weights: str | None = None,
    vgg_weights: str | None = None,
    resnet_weights: str | None = None,
    oscar: str | None = None,
    encoder_weights: str | None = None,
) -> "LoadedRun":
    """Load a trained run to answer posts.

    The networks that see photos are built when the first photo comes: those that the run was trained with.

    Args:
        run: A folder that `dgf train` made, `hub:OWNER/NAME` for a run on the Hugging Face hub, or `demo` for the model
            that the last `dgf demo` left.
        device: auto, cpu, cuda or cuda:N.
        dtype: What the network computes in; None for what the run says.
        weights: Of the detector, where they are not in the place that the run recorded.
        vgg_weights: Of VGG16, likewise.
        resnet_weights: Of ResNet-50, likewise.
        oscar: Folder of the captioner, likewise.
        encoder_weights: Of another encoder than VGG16, likewise: the folder of its checkpoint, or timm's file.

    Raises:
        UserError: There is no such run, it has not ended, or the device is not there.
    """
    from dgf.workflows.predict.loaded_run import load_run
    from dgf.workflows.predict.networks import WeightPlaces

    places = WeightPlaces(weights, vgg_weights, resnet_weights, oscar, encoder_weights)
    return load_run(run, device, dtype, places)


from_pretrained = load
"""`load`, by the name that users of transformers know."""


def read(data: str | os.PathLike[str], *, on_error: Literal["stop", "skip"] = "stop") -> "Dataset":
    """Read a data set in any layout that dgf knows.

    Args:
        data: Its folder or file.
        on_error: Whether rows at fault are an error, or left out and listed in `faults`.

    Raises:
        UserError: It is no data set, or (`stop`) rows are at fault.
    """
    from dgf.pipeline.posts import read_dataset

    return read_dataset(Path(data), on_error=on_error)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
