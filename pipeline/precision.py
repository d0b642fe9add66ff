"""The precision that detector and encoders compute in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch

from dgf.pipeline.errors import UserError

Precision = Literal["float32", "bfloat16"]

_CPU_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Of processors that compute in bfloat16, as Linux names them; any other does it in software, slower than float32."""


@contextmanager
def infer_in(precision: Precision | None, device: torch.device, *, on_gpu: torch.dtype) -> Iterator[None]:
    """Infer in this precision; None is float32 on a CPU and `on_gpu` on a GPU."""
    usual = on_gpu if device.type == "cuda" else torch.float32
    dtype = usual if precision is None else getattr(torch, precision)
    half = dtype != torch.float32
    with torch.inference_mode(), torch.autocast(device.type, dtype if half else torch.bfloat16, enabled=half):
        yield


def describe_precision(precision: Precision | None, *, on_gpu: torch.dtype) -> str:
    """Say what `infer_in` computes in, for a fingerprint."""
    if precision is None:
        return f"float32 on cpu, {str(on_gpu).removeprefix('torch.')} autocast on cuda"
    return precision if precision == "float32" else f"{precision} autocast"


def check_precision(precision: Precision | None, device: str) -> None:
    """See that a device computes in this precision.

    Raises:
        UserError: It does not.
    """
    if precision == "bfloat16" and not _has_bfloat16(torch.device(device)):
        raise UserError(
            f"--precision bfloat16: this machine's {device} does not compute in bfloat16",
            "Leave it out, or take another --device. What a run predicts on is extracted as its own features were.",
        )


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return not _CPU_FLAGS.isdisjoint(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
