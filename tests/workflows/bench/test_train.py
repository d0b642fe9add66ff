"""`dgf bench train` on a tiny model: one line of JSON with both precisions, and no word of the profiler's."""

import json
import subprocess
import sys

import pytest

WORDS = "--language-model random:gpt2?n_layer=1&n_embd=16&n_head=2 --batch 2 --steps 1 --device cpu"
FIGURES = {
    "rows_per_second",
    "limit_rows_per_second",
    "ratio",
    "peak_bytes",
    "limit_peak_bytes",
    "peak_ratio",
    "host_waits",
    "transformers_rows_per_second",
    "transformers_ratio",
    "transformers_peak_ratio",
}


def test_one_line_of_json_with_both_precisions() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dgf.cli", "bench", "train", *WORDS.split()], capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout)
    assert (result["bench"], result["batch"], result["device"], result["preset"]) == ("train", 2, "cpu", "paper")
    assert result["language_model_trains"] is False
    assert result["places"] > 49 + 10 + 30
    for precision in ("float32", "bfloat16"):
        figures = result[precision]
        assert figures.keys() == FIGURES
        assert all(figures[name] > 0 for name in FIGURES - {"host_waits"})
        assert figures["peak_ratio"] == pytest.approx(figures["peak_bytes"] / figures["limit_peak_bytes"], abs=0.001)
        assert figures["host_waits"] == 0
    assert not [word for word in ("USDT", "gpuGetDeviceCount", "CPUAllocator") if word in done.stderr]
