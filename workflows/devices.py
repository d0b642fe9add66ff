"""Where to compute, and in which precision."""

import torch

from dgf.model.language_models import LanguageModel, store_in_bfloat16
from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.base import WorkerPool
from dgf.workflows.settings import CaptionSettings, ExtractSettings


def choose_device(name: str) -> torch.device:
    """`auto` is the first GPU where there is one, else the CPU.

    Raises:
        UserError: If the device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"device {name}: no such device", "Use auto, cpu, cuda or cuda:N.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name}: torch sees {torch.cuda.device_count()} GPU(s)", "Use cpu or auto.")
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"device {name}: not supported", "Use auto, cpu, cuda or cuda:N.")
    return device


def choose_workers(settings: ExtractSettings | CaptionSettings) -> WorkerPool:
    """Where the shards of a command are computed.

    A scheduler's workers have devices of their own, which need not be here; `auto` then asks for the kind found here.

    Raises:
        UserError: The device is not here, where the work is done here.
    """
    return choose_pool(settings.device, settings.workers, settings.scheduler, settings.threads)


def choose_pool(device: str, workers: int, scheduler: str | None, threads: int | None = None) -> WorkerPool:
    """See `choose_workers`."""
    if not scheduler:
        device = str(choose_device(device))
    elif device == "auto":
        device = choose_device("auto").type
    return WorkerPool(device, workers, scheduler, threads)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context to compute in: bfloat16 where asked, or (`auto`) where a GPU has it natively."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=_in_bfloat16(device, precision))


def _in_bfloat16(device: torch.device, precision: str) -> bool:
    native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return precision == "bfloat16" or (precision == "auto" and native)


def check_dtype(device: torch.device, precision: str, dtype: str) -> None:
    """Raise a UserError where frozen weights are wanted in bfloat16 and nothing is computed in it."""
    if dtype == "bfloat16" and not _in_bfloat16(device, precision):
        raise UserError(
            f"dtype=bfloat16: {device} computes in float32 here", "Add precision=bfloat16, or leave dtype at auto."
        )


def store_frozen(language_model: LanguageModel, device: torch.device, precision: str, dtype: str) -> None:
    """Store a model's frozen matrices in what they are computed in; `float32` leaves them as they are."""
    if dtype != "float32" and _in_bfloat16(device, precision):
        store_in_bfloat16(language_model.model)
