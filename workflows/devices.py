"""Where to compute, and in which precision."""

import torch

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
        raise UserError(f"--device {name}: no such device", "Use auto, cpu, cuda or cuda:N.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"--device {name}: torch sees {torch.cuda.device_count()} GPU(s)", "Use --device cpu or auto.")
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"--device {name}: not supported", "Use auto, cpu, cuda or cuda:N.")
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
    native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    enabled = precision == "bfloat16" or (precision == "auto" and native)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)
