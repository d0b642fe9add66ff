import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from dgf.pipeline.detectors import Detections, Prepared
from dgf.pipeline.jobs import extraction as reading
from dgf.pipeline.jobs.base import StoppedError, Turns
from dgf.pipeline.jobs.extraction import Extraction, Networks
from dgf.pipeline.jobs.rows import Rows, box_features
from dgf.pipeline.photos import decode
from dgf.pipeline.shards import BLOCKS, FC7, PYRAMID, Photo, Plan, PlannedShard, ShardFolder, ShardStats, check_schema
from support import ENVIRONMENT
from support.tiny_job import LAYOUT, TinyDetector, TinyVgg, drive, paint, tiny_plan


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    root = tmp_path_factory.mktemp("photos")
    return root, paint(root, 20)


def extraction(root: Path, detector: TinyDetector | None = None) -> Extraction:
    networks = Networks(detector or TinyDetector(), TinyVgg(), LAYOUT)
    return Extraction(ShardFolder(root, "features", ""), Plan(()), root, networks, readers=2)


def fill(filled: Extraction, shard: PlannedShard, turns: Turns | None = None) -> tuple[Rows, ShardStats]:
    return filled.fill_rows(shard, turns or Turns(), lambda done: None)


def test_rows_hold_what_the_networks_gave_for_the_planned_batch(photos: tuple[Path, list[str]]) -> None:
    root, names = photos
    plan = tiny_plan(root, names)
    for shard in plan.shards:
        rows, stats = fill(extraction(root), shard)
        arrays = rows.arrays()
        assert stats.rows == rows.count == sum(map(len, shard)) and stats.failures == ()
        assert rows.image_ids == [photo.image_id for batch in shard for photo in batch]
        row = 0
        for batch in shard:
            detector, vgg = TinyDetector(), TinyVgg()
            pixels = [decode((root / photo.image_id).read_bytes()) for photo in batch]
            found = detector.detect_prepared([detector.prepare(photo) for photo in pixels])
            blocks = vgg.extract_prepared([vgg.prepare(photo) for photo in pixels])
            for position, one in enumerate(found):
                n, k = min(len(one.scores), 5), min(len(one.scores), 3)
                assert (arrays["regions/count"][row], arrays["objects/count"][row]) == (n, k)
                half = one.features.astype(np.float16)
                assert np.array_equal(arrays["objects/features"][row, :k], half[:k])
                assert np.array_equal(arrays["objects/boxes"][row, :k], one.boxes[:k])
                assert np.array_equal(arrays["regions/features"][row, :n, :6], half[:n])
                assert not arrays["regions/features"][row, n:].any() and not arrays["objects/scores"][row, k:].any()
                assert (arrays["regions/tags"][row, n:] == -1).all() and (
                    arrays["objects/classes"][row, k:] == -1
                ).all()
                assert np.array_equal(arrays["image/blocks"][row], blocks.blocks[position].astype(np.float16))
                assert tuple(arrays["image_size"][row]) == pixels[position].shape[:2]
                row += 1


def test_a_photo_that_fails_has_a_reason_and_no_row(photos: tuple[Path, list[str]], tmp_path: Path) -> None:
    root, names = photos
    for name in names[:8]:
        data = (root / name).read_bytes()
        (tmp_path / name).write_bytes(data if name != names[3] else data[:-20])
    results = drive(tmp_path, tmp_path.parent / f"{tmp_path.name}-out")
    failures = [failure for result in results for failure in result.failures]
    assert [(failure.image_id, failure.reason) for failure in failures] == [(names[3], "truncated")]
    assert sum(result.rows for result in results) == 7


def test_a_photo_that_changed_since_the_plan_is_refused(photos: tuple[Path, list[str]], tmp_path: Path) -> None:
    names = paint(tmp_path, 3)
    plan = tiny_plan(tmp_path, names)
    Image.new("RGB", (8, 8)).save(tmp_path / names[1])
    (tmp_path / names[2]).unlink()
    outcomes = [failure for shard in plan.shards for failure in fill(extraction(tmp_path), shard)[1].failures]
    assert {failure.image_id: failure.reason for failure in outcomes} == {
        names[1]: "changed while it was being extracted",
        names[2]: "no such file",
    }


def test_numbers_that_are_not_finite_are_a_failure() -> None:
    rows = Rows(LAYOUT, 2)
    photo = Photo("a.jpg", "00" * 32, (4, 4), 1)
    found = Detections(
        np.full((1, 6), np.nan, np.float32), np.zeros((1, 4), np.float32), np.ones(1, np.float32), np.zeros(1, np.int32)
    )
    images = np.zeros(BLOCKS, np.float32), np.zeros(FC7, np.float32)
    assert not rows.add(photo, found, *images)
    found.features[:] = 0
    assert not rows.add(photo, found, *images, np.full(PYRAMID, np.inf, np.float32))
    assert rows.count == 0 and all(len(array) == 0 for array in rows.arrays().values())


def test_box_features_are_parts_of_the_photo() -> None:
    boxes = np.array([[10, 20, 30, 60]], np.float32)
    assert box_features(boxes, (100, 50)).tolist() == [pytest.approx([0.2, 0.2, 0.6, 0.6, 0.4, 0.4])]


def test_photos_are_read_once_and_only_a_few_batches_ahead(
    photos: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, names = photos
    read: list[str] = []
    real = reading.read_bytes
    monkeypatch.setattr(reading, "read_bytes", lambda root, name: (read.append(name), real(root, name))[1])
    computed = 0
    most_ahead = 0

    class Counting(TinyDetector):
        def detect_prepared(self, batch: list[Prepared]) -> list[Detections]:
            nonlocal computed, most_ahead
            time.sleep(0.05)  # time in which a reader without a limit would read everything
            most_ahead = max(most_ahead, len(read) - computed)
            computed += len(batch)
            return super().detect_prepared(batch)

    (shard,) = tiny_plan(root, names, shard_size=100).shards
    fill(extraction(root, Counting()), shard)
    assert sorted(read) == sorted(names)
    assert most_ahead <= 4 * (1 + reading.AHEAD) < len(names)


def test_two_shards_share_the_networks_but_read_at_the_same_time(photos: tuple[Path, list[str]]) -> None:
    root, names = photos
    busy = threading.Lock()

    class Exclusive(TinyDetector):
        def detect_prepared(self, batch: list[Prepared]) -> list[Detections]:
            assert busy.acquire(blocking=False), "two shards in the networks at once"
            time.sleep(0.01)
            busy.release()
            return super().detect_prepared(batch)

    shared, turns = extraction(root, Exclusive()), Turns()
    plan = tiny_plan(root, names)
    outcomes: list[int] = []
    threads = [
        threading.Thread(target=lambda shard=shard: outcomes.append(fill(shared, shard, turns)[1].rows))
        for shard in plan.shards
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(outcomes) == len(names)


def test_a_stopped_extraction_gives_nothing(photos: tuple[Path, list[str]]) -> None:
    root, names = photos
    stopped = Turns()
    stopped.stop()
    with pytest.raises(StoppedError):
        fill(extraction(root), tiny_plan(root, names).shards[0], stopped)


def test_the_shards_follow_the_schema_and_the_plan(photos: tuple[Path, list[str]], tmp_path: Path) -> None:
    root, _ = photos
    drive(root, tmp_path / "out")
    plan = Plan.load(tmp_path / "out")
    for index, shard in enumerate(plan.shards):
        with h5py.File(tmp_path / "out" / f"shard-{index:05d}.h5") as file:
            check_schema(file, "features")
            hashes = [bytes(value).hex() for value in file["image_sha256"][:]]
        assert hashes == [photo.sha256 for batch in shard for photo in batch]


def test_memory_does_not_grow_with_the_number_of_photos(tmp_path: Path) -> None:
    Image.effect_noise((800, 600), 40).convert("RGB").save(tmp_path / "one.jpg")
    photo = (tmp_path / "one.jpg").read_bytes()
    code = "import resource, sys; from pathlib import Path; from support.tiny_job import drive;"
    code += "drive(*map(Path, sys.argv[1:]));"
    code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    peaks = []
    for count in (60, 360):
        root = tmp_path / f"photos-{count}"
        root.mkdir()
        for number in range(count):  # what follows a JPEG's end is not read: distinct files, the same pixels
            (root / f"{number}.jpg").write_bytes(photo + number.to_bytes(4))
        command = [sys.executable, "-c", code, str(root), str(tmp_path / f"out-{count}")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0], peaks
