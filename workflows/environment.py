"""What a bug report needs to know of the machine and the software on it."""

import importlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable

PACKAGES = (
    "dgf",
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
    "safetensors",
    "peft",
    "h5py",
    "dask",
    "distributed",
    "numpy",
    "pillow",
    "scikit-learn",
    "click",
)
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "SLURM_CPUS_PER_TASK")
SWITCHES = ("CUDA_VISIBLE_DEVICES", "HF_HUB_OFFLINE", "HF_HOME", "TORCH_HOME", "DGF_SHARED")
GIB = 1024**3


def describe_environment() -> dict[str, str]:
    """Collect the facts in the order in which they are printed; a part that is absent or broken says so."""
    facts = {"python": f"{platform.python_version()} ({sys.executable})", "platform": platform.platform()}
    facts |= {name: _version(name) for name in PACKAGES}
    parts: dict[str, Callable[[], str]] = {
        "detectron2": _detectron2,
        "HDF5": _hdf5,
        "CUDA": _cuda,
        "devices": _devices,
        "CPU": _cpu,
        "memory": _memory,
        "threads": _threads,
        "variables": lambda: _variables(SWITCHES),
    }
    return facts | {name: _or_why_not(part) for name, part in parts.items()}


def _or_why_not(part: Callable[[], str]) -> str:
    """A broken installation is what a bug report is about: the fault is the answer, whatever it is."""
    try:
        return part()
    except Exception as error:
        return f"fails: {type(error).__name__}: {error}"


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _detectron2() -> str:
    sources = [name for name in ("detectron2", "sal-detectron2") if _version(name) != "absent"]
    if not sources:
        return "absent (the torchvision detectors work without it)"
    version = importlib.import_module("detectron2").__version__
    try:
        importlib.import_module("detectron2._C")
    except ImportError as error:
        compiled = f"compiled part does not load: {error}"
    else:
        compiled = "compiled part loads"
    return f"{version} (from {sources[0]}; {compiled})"


def _hdf5() -> str:
    return str(importlib.import_module("h5py").version.hdf5_version)


def _cuda() -> str:
    import torch

    if not torch.cuda.is_available():
        return f"built for {torch.version.cuda or 'none'}, no device to use"
    return f"{torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"


def _devices() -> str:
    import torch

    found = []
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        found.append(f"{device.name} {device.total_memory / GIB:.0f} GiB (sm_{device.major}{device.minor})")
    if torch.backends.mps.is_available():
        found.append("Apple MPS")
    return ", ".join(found) or "cpu only"


def _cpu() -> str:
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.machine()}, {usable} usable of {psutil.cpu_count()} logical cores"


def _memory() -> str:
    import psutil

    memory = psutil.virtual_memory()
    return f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free"


def _threads() -> str:
    import torch

    counts = f"torch {torch.get_num_threads()}, between operations {torch.get_num_interop_threads()}"
    return f"{counts}; {_variables(THREADS)}"


def _variables(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name}={os.environ[name]}" for name in names if name in os.environ) or "none set"
