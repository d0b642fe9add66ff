import json
from pathlib import Path

import numpy as np
import torch

from dgf.pipeline.features import FeatureStore
from dgf.workflows.bench.read import bench_read, write_noise


def test_one_line_of_json_with_both_sides(tmp_path: Path) -> None:
    write_noise(tmp_path / "noise", rows=300, shards=6)
    before = sorted(path.name for path in (tmp_path / "noise").iterdir())
    result = json.loads(json.dumps(bench_read(tmp_path / "noise", batch=50)))
    assert (result["rows"], result["shards"], result["batch"]) == (300, 6, 50)
    assert result["bytes_per_row"] == 2 * (10 * 1024 + 49 * 512)
    assert abs(result["ratio"] - result["shuffled_rows_per_s"] / result["contiguous_rows_per_s"]) < 0.01
    assert result["host_rows_per_s"] > 1000 and "page_cache" in result
    assert sorted(path.name for path in (tmp_path / "noise").iterdir()) == before


def test_the_limit_reads_the_bytes_that_batches_show(tmp_path: Path) -> None:
    write_noise(tmp_path / "noise", rows=20, shards=2)
    store = FeatureStore.open(tmp_path / "noise")
    stretches = store.stretches()
    assert sum(length for *_, length in stretches) == 20 * store.row_bytes
    raw = [np.fromfile(path, np.float16, length // 2, offset=offset) for path, _, offset, length in stretches]
    batch = store.gather(range(20))
    assert torch.equal(torch.from_numpy(np.concatenate(raw[0::2])), batch.objects.flatten())
    assert torch.equal(torch.from_numpy(np.concatenate(raw[1::2])), batch.blocks.flatten())
