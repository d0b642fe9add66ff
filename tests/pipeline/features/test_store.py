import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.files import file_digest, read_record, write_record
from dgf.pipeline.shards import (
    Failure,
    Layout,
    Photo,
    Plan,
    ShardFolder,
    ShardStats,
    fingerprint_of,
    write_captions,
    write_features,
)
from support.small_world import write_posts, write_shards

K, D = 3, 8
SIZES = (4, 0, 5, 1)  # photos a shard, the second with none that worked
ALIAS = {"train/1.jpg": ("test/1.jpg", "val/one more.jpg")}


@dataclass
class Made:
    """Folders of features and captions, and what must come out of them."""

    features: Path
    captions: Path
    ids: list[str] = field(default_factory=list)
    arrays: dict[str, list[np.ndarray[Any, Any]]] = field(default_factory=dict)


def make(
    root: Path,
    *,
    fc7: bool = False,
    pyramid: bool = False,
    settings: dict[str, Any] | None = None,
    block_dim: int = 512,
) -> Made:
    made = Made(root / "features", root / "captions")
    layout = Layout(K, K, D, fc7, ("cat", "dog"), block_dim, pyramid)
    rng = np.random.default_rng(0)
    numbers = iter(range(100))
    shards = [[_photo(next(numbers)) for _ in range(max(size, 1))] for size in SIZES]
    plan = Plan(tuple((tuple(shard),) for shard in shards), (Failure("val/broken.jpg", "truncated"),))
    claimed = settings or {"kind": "features", "detector": "a", "photos": 1, "device": "cpu"}
    captions = {"kind": "captions", "features": fingerprint_of(claimed), "beams": 5}
    with (
        ShardFolder.claim(made.features, claimed) as folder,
        ShardFolder.claim(made.captions, captions) as caption_folder,
    ):
        plan.save(made.features)
        markers, caption_markers = [], []
        for index, (size, shard) in enumerate(zip(SIZES, shards, strict=True)):
            ids = [photo.image_id for photo in shard][:size]
            failed = tuple(Failure(photo.image_id, "broken image data") for photo in shard[size:])
            arrays = {n: rng.normal(size=(size, *s)).astype(t) for n, (t, s) in layout.columns().items()}
            digests = b"".join(bytes.fromhex(photo.sha256) for photo in shard[:size])
            arrays["image_sha256"] = np.frombuffer(digests, np.uint8).reshape(size, 32)
            arrays["objects/count"] = rng.integers(0, K + 1, size).astype(np.int8)
            for name, array in arrays.items():
                made.arrays.setdefault(name, []).append(array)
            made.ids += ids

            def fill(file: h5py.File, ids: list[str] = ids, arrays: Any = arrays) -> None:
                write_features(file, layout, ids, arrays, folder.fingerprint, {})

            def tell(file: h5py.File, ids: list[str] = ids) -> None:
                texts = [f"a photo of {name} ż" for name in ids]
                write_captions(file, ids, texts, np.zeros(len(ids)), caption_folder.fingerprint, {})

            markers.append(folder.commit(index, fill, ShardStats(size, failed)))
            caption_markers.append(caption_folder.commit(index, tell, ShardStats(size)))
        folder.write_manifest(markers, {})
        caption_folder.write_manifest(caption_markers, {})
    return made


def _photo(number: int) -> Photo:
    name = f"train/{number}.jpg"
    return Photo(name, f"{number:064x}", (10, 20), 5, ALIAS.get(name, ()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("store"))


def expect(made: Made, store: FeatureStore, rows: list[int]) -> None:
    """The store's batch against the arrays as they were written."""
    got = store.gather(rows)
    for name, array in (("objects/features", got.objects), ("image/blocks", got.blocks)):
        written = np.concatenate(made.arrays[name])
        wanted = np.stack([written[row] if row >= 0 else np.zeros_like(written[0]) for row in rows])
        assert array.dtype == torch.float16 and np.array_equal(array.numpy(), wanted)
    counts = np.concatenate(made.arrays["objects/count"])
    there = [counts[row] if row >= 0 else 0 for row in rows]
    assert got.object_mask.tolist() == [[k < count for k in range(K)] for count in there]


def test_any_rows_in_any_order(made: Made) -> None:
    store = FeatureStore.open(made.features)
    assert len(store) == 10 and list(store.image_ids) == made.ids
    assert (store.objects, store.object_dim, store.block_shape) == (K, D, (49, 512))
    assert store.class_names == ("cat", "dog") and "fc7" not in store.arrays and not store.has_captions
    for rows in ([3], [9, 0, 4, 8, 0, 0], [-1, 5, -1], [-1], list(range(10)), list(range(9, -1, -1))):
        expect(made, store, rows)
    assert store.gather([]).objects.shape == (0, K, D)
    for wrong in ([10], [-2]):
        with pytest.raises(IndexError):
            store.gather(wrong)


def test_buffers_are_filled_in_place_and_nothing_of_the_batch_before_stays(made: Made) -> None:
    store = FeatureStore.open(made.features)
    buffers = store.allocate(4)
    store.gather([1, 2, 3, 4], buffers)
    got = store.gather([-1, 9, -1], buffers)
    assert got.objects.data_ptr() == buffers.objects.data_ptr() and len(got.blocks) == 3
    assert not got.objects[0].any() and not got.blocks[2].any() and not got.object_mask[0].any()
    assert torch.equal(got.blocks[1], store.gather([9]).blocks[0])
    with pytest.raises(ValueError, match="buffers of 4 rows for a batch of 5"):
        store.gather([0] * 5, buffers)


def test_ids_aliases_and_failures(made: Made) -> None:
    store = FeatureStore.open(made.features)
    row = made.ids.index("train/1.jpg")
    assert [store.row((name,)) for name in ("train/1.jpg", *ALIAS["train/1.jpg"])] == [row] * 3
    assert store.row(("val/9.jpg", "train/1.jpg")) == row
    assert store.row(()) == -1 and store.row(("nowhere.jpg",)) == -1
    # train/4.jpg is the photo of the empty shard: it failed, so the same name elsewhere must not stand in for it.
    assert "train/4.jpg" not in made.ids
    assert store.row(("train/4.jpg", "train/1.jpg")) == -1


def test_writing_to_a_batch_or_a_view_reaches_no_file(made: Made) -> None:
    before = (made.features / "shard-00000.h5").read_bytes()
    store = FeatureStore.open(made.features)
    store.gather([0]).blocks.fill_(7)
    store._views["blocks"][0].fill_(7)
    assert (made.features / "shard-00000.h5").read_bytes() == before
    expect(made, FeatureStore.open(made.features), [0])


def test_host_memory_gives_the_same(made: Made) -> None:
    store = FeatureStore.open(made.features)
    assert store.place("cpu") == "host" == store.place_now
    expect(made, store, [9, -1, 0, 4, 4])
    full = FeatureStore.open(made.features)
    assert full.place("cpu", share=0.0) == "files"
    expect(made, full, [9, -1, 0, 4, 4])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_device_memory_gives_the_same(made: Made) -> None:
    store, plain = FeatureStore.open(made.features), FeatureStore.open(made.features)
    assert store.place("cuda") == "device"
    got, wanted = store.gather([9, -1, 0, 4, 4]), plain.gather([9, -1, 0, 4, 4])
    for name in ("objects", "object_mask", "blocks", "fc7"):
        assert torch.equal(getattr(got, name).cpu(), getattr(wanted, name))


def test_device_path_without_a_device(made: Made) -> None:
    store, plain = FeatureStore.open(made.features), FeatureStore.open(made.features)
    store.load("cpu")
    got, wanted = store.gather([9, -1, 0, 4, 4]), plain.gather([9, -1, 0, 4, 4])
    for name in ("objects", "object_mask", "blocks", "fc7"):
        assert torch.equal(getattr(got, name), getattr(wanted, name))


def test_pyramids(tmp_path: Path) -> None:
    made = make(tmp_path, pyramid=True)
    written = np.concatenate(made.arrays["image/pyramid"])
    store = FeatureStore.open(made.features)
    assert store.arrays == ("objects", "blocks", "pyramid")
    expect(made, store, [3, -1, 9])
    only = FeatureStore.open(made.features, image="pyramid")
    for one in (store, only):
        got = one.gather([7, -1, 0]).pyramid
        assert np.array_equal(got, np.stack([written[7], np.zeros_like(written[7]), written[0]]))
        one.load("cpu")
        got = one.gather([0, -1, 7])
        assert np.array_equal(got.pyramid, np.stack([written[0], np.zeros_like(written[7]), written[7]]))
        assert np.array_equal(got[1:].pyramid[1], written[7])
    assert only.gather([7]).blocks.shape == (1, 0, 512) and only.row_bytes == 2 * (K * D + 4 * 15360)
    without = FeatureStore.open(made.features, image="blocks")
    assert without.gather([7]).pyramid.shape == (1, 0, 15360)
    without.load("cpu")
    assert without.gather([7]).pyramid.shape == (1, 0, 15360)


def test_fc7(tmp_path: Path) -> None:
    made = make(tmp_path, fc7=True)
    store = FeatureStore.open(made.features)
    assert "fc7" in store.arrays and np.array_equal(
        store.gather([7]).fc7[0], np.concatenate(made.arrays["image/fc7"])[7]
    )
    only = FeatureStore.open(made.features, image="fc7").gather([7])
    assert torch.equal(only.fc7, store.gather([7]).fc7) and only.blocks.shape == (1, 0, 512)
    assert FeatureStore.open(made.features, image="blocks").gather([7]).fc7.shape == (1, 0)


def test_captions(made: Made) -> None:
    store = FeatureStore.open(made.features, made.captions)
    assert store.has_captions
    assert store.captions([9, -1, 0]) == [f"a photo of {made.ids[9]} ż", "", f"a photo of {made.ids[0]} ż"]


class Rows(torch.utils.data.Dataset[torch.Tensor]):
    """For DataLoader workers."""

    def __init__(self, store: FeatureStore) -> None:
        self.store = store

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, row: int) -> torch.Tensor:
        return self.store.gather([row]).blocks[0]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_data_loader_workers(made: Made, method: str) -> None:
    store = FeatureStore.open(made.features)
    store.gather([0, 9])  # files are mapped before the workers start
    workers = 2 if method == "fork" else 1  # a spawned one imports torch anew
    loader = DataLoader(Rows(store), batch_size=5, num_workers=workers, multiprocessing_context=method)
    read = torch.cat(list(loader))
    assert np.array_equal(read.numpy(), np.concatenate(made.arrays["image/blocks"]))


def test_pickled_copies_are_small_and_read(made: Made) -> None:
    store = FeatureStore.open(made.features, made.captions)
    store.place("cpu")
    data = pickle.dumps(store)
    assert len(data) < 20_000
    expect(made, pickle.loads(data), [9, -1, 0])


def test_threads(made: Made) -> None:
    store = FeatureStore.open(made.features)
    blocks = np.concatenate(made.arrays["image/blocks"])
    rows = list(range(10)) * 5
    with ThreadPoolExecutor(4) as pool:
        for row, got in zip(rows, pool.map(lambda row: store.gather([row]).blocks, rows), strict=True):
            assert np.array_equal(got[0], blocks[row])


def test_stream_gives_every_post_once_with_few_shards_at_a_time(made: Made) -> None:
    store = FeatureStore.open(made.features)
    rows = np.array([*range(10), *range(10), -1, -1, -1])
    windows = list(store.stream(rows, np.random.default_rng(0), window=5 * store.row_bytes))
    assert sorted(np.concatenate(windows).tolist()) == list(range(23))
    shard_of = np.repeat(np.arange(4), SIZES)
    for positions in windows:
        assert len({int(shard_of[row]) for row in rows[positions] if row >= 0}) <= 1
    orders = {tuple(np.concatenate(list(store.stream(rows, np.random.default_rng(s), 1 << 30)))) for s in range(5)}
    assert len(orders) == 5
    again = [np.concatenate(list(store.stream(rows, np.random.default_rng(3), 1 << 30))).tolist() for _ in range(2)]
    assert again[0] == again[1]


def test_fingerprint_is_of_the_networks_not_of_the_photos(tmp_path: Path) -> None:
    base = {"kind": "features", "detector": "a", "photos": 1, "device": "cpu", "threads": 2, "batches": 4}
    variants = [base, {**base, "photos": 2, "device": "cuda", "threads": None}, {**base, "detector": "b"}]
    prints = []
    for number, settings in enumerate(variants):
        prints.append(FeatureStore.open(make(tmp_path / str(number), settings=settings).features).fingerprint)
    assert prints[0] == prints[1] != prints[2]


def _drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _cut(folder: Path) -> None:
    path = folder / "shard-00002.h5"
    path.write_bytes(path.read_bytes()[:-1])


def _scramble(folder: Path) -> None:
    path = folder / "shard-00002.h5"
    path.write_bytes(bytes(path.stat().st_size))


def _reseal(path: Path) -> None:
    """Let the marker vouch for a shard as it is now."""
    marker = path.with_suffix(".json")
    write_record(marker, {**read_record(marker), "bytes": path.stat().st_size, "sha256": file_digest(path)})


def _no_hdf5(folder: Path) -> None:
    _scramble(folder)
    _reseal(folder / "shard-00002.h5")


def _count(folder: Path) -> None:
    marker = folder / "shard-00000.json"
    marker.write_text(marker.read_text().replace('"rows": 4', '"rows": 5'))


def _flip_plan(folder: Path) -> None:
    plan = folder / "plan.json"
    plan.write_text(plan.read_text().replace("test/1.jpg", "test/2.jpg"))


def _swap(folder: Path) -> None:
    with h5py.File(folder / "shard-00000.h5", "r+") as file:
        file.attrs["fingerprint"] = "0" * 64
    _reseal(folder / "shard-00000.h5")


def _other_settings(folder: Path) -> None:
    (folder / "settings.json").write_text('{"kind": "features", "detector": "other"}')


def _other_kind(folder: Path) -> None:
    (folder / "settings.json").write_text('{"kind": "captions"}')


@pytest.mark.parametrize(
    ("harm", "message", "hint"),
    [
        (_drop("shard-00002.json"), "unfinished, 3 of 4 shards are done", "again"),
        (_drop("shard-00002.h5"), "unfinished, 3 of 4 shards are done", "again"),
        (_cut, "unfinished, 3 of 4 shards are done", "again"),
        (_drop("manifest.json"), "unfinished", "again"),
        (_drop("plan.json"), "plan.json", "extract-features"),
        (_drop("settings.json"), "is not a folder of features", "dgf extract-features"),
        (_other_settings, "unfinished, 0 of 4", "again"),
        (_other_kind, "is not a folder of features", "dgf extract-features"),
        (_scramble, "shard-00002.h5: has SHA-256", "same `dgf extract-features` again, without --overwrite"),
        (_no_hdf5, "shard-00002.h5: cannot be read as HDF5", "same `dgf extract-features` again, without --overwrite"),
        (_swap, "shard-00000.h5: was made with other settings than its marker says", "again, without --overwrite"),
        (_count, "shard-00000.h5 has a marker that cannot be read (it has changed since dgf wrote it", "again"),
        (_flip_plan, "plan.json: cannot be read: it has changed since dgf wrote it", "again"),
    ],
)
def test_a_harmed_folder_is_refused_with_its_mend(
    tmp_path: Path, harm: Callable[[Path], None], message: str, hint: str
) -> None:
    made = make(tmp_path)
    harm(made.features)
    with pytest.raises(UserError) as caught:
        FeatureStore.open(made.features)
    assert message in caught.value.message and str(made.features) in caught.value.message
    assert caught.value.hint is not None and hint in caught.value.hint


def test_wrong_folders(made: Made, tmp_path: Path) -> None:
    for folder, captions, message in (
        (tmp_path / "none", None, "no such folder of features"),
        (made.captions, None, "is not a folder of features"),
        (made.features, made.features, "is not a folder of captions"),
        (made.features, tmp_path / "none", "no such folder of captions"),
    ):
        with pytest.raises(UserError, match=message):
            FeatureStore.open(folder, captions)
    with pytest.raises(UserError, match="has no fc7 features"):
        FeatureStore.open(made.features, image="fc7")
    with pytest.raises(
        UserError, match=r"(?s)has no pyramids of ResNet-50.*dgf extract-features DATA --out .*--pyramid"
    ):
        FeatureStore.open(made.features, image="pyramid")


def test_captions_of_other_photos_are_refused(made: Made, tmp_path: Path) -> None:
    features = ShardFolder.open(made.features).fingerprint
    with ShardFolder.claim(tmp_path / "captions", {"kind": "captions", "features": features}) as folder:
        markers = []
        for index in range(len(SIZES)):

            def tell(file: h5py.File) -> None:
                write_captions(file, ["other.jpg"], ["a cat"], np.zeros(1), folder.fingerprint, {})

            markers.append(folder.commit(index, tell, ShardStats(1)))
        folder.write_manifest(markers, {})
    with pytest.raises(UserError, match="no caption for 10 of the 10 photos"):
        FeatureStore.open(made.features, tmp_path / "captions")


def test_captions_of_other_features_are_refused(made: Made, tmp_path: Path) -> None:
    other = make(tmp_path, settings={"kind": "features", "detector": "b"})
    with pytest.raises(UserError, match="made from other features than those in"):
        FeatureStore.open(other.features, made.captions)


def test_chunked_arrays_are_refused(tmp_path: Path) -> None:
    made = make(tmp_path)
    path = made.features / "shard-00000.h5"
    with h5py.File(path, "r+") as file:
        data = file["image/blocks"][:]
        del file["image/blocks"]
        file.create_dataset("image/blocks", data=data, chunks=True)
    _reseal(path)
    with pytest.raises(UserError, match="image/blocks is not one plain stretch of bytes"):
        FeatureStore.open(made.features)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["objects/features", "image/blocks"])
def test_features_that_are_not_finite_are_refused_with_shard_and_photo(
    name: str, number: float, tmp_path: Path
) -> None:
    made = make(tmp_path)
    path = made.features / "shard-00002.h5"
    with h5py.File(path, "r+") as file:
        file[name][3, 1, 5] = number
    _reseal(path)
    store = FeatureStore.open(made.features)
    expect(made, store, [0])
    told = rf"shard-00002\.h5: {name} of 1 photos hold numbers that are not finite, such as those of {made.ids[7]}"
    for read in (lambda: store.gather([7]), lambda: store.place("cpu"), lambda: store.load("cpu")):
        with pytest.raises(UserError, match=told):
            read()


def test_a_shard_that_vanishes_while_open(tmp_path: Path) -> None:
    made = make(tmp_path)
    store = FeatureStore.open(made.features)
    (made.features / "shard-00003.h5").unlink()
    expect(made, store, [0])
    with pytest.raises(UserError, match=r"shard-00003\.h5: cannot be read any more"):
        store.gather([9])


def test_a_photo_whose_stored_id_no_post_names_any_more_is_found_by_its_content(tmp_path: Path) -> None:
    made = make(tmp_path)
    plan = Plan.load(made.features)
    first = next(plan.photos())
    renamed = replace(first, image_id="train/renamed.jpg", aliases=())
    shards = tuple(
        tuple(tuple(renamed if photo == first else photo for photo in batch) for batch in shard)
        for shard in plan.shards
    )
    before = FeatureStore.open(made.features, made.captions)
    replace(plan, shards=shards).save(made.features)
    after = FeatureStore.open(made.features, made.captions)
    row = after.row(("train/renamed.jpg",))
    assert row == before.row((first.image_id,)) >= 0
    assert after.captions([row]) == before.captions([row])


def test_photos_that_an_older_folder_knows_with_a_dot_are_found(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    write_shards(posts, tmp_path / "features", prefix="./")
    store = FeatureStore.open(tmp_path / "features")
    assert store.image_ids[0].startswith("./")
    assert store.row(["train-0.png"]) == store.row(["./train-0.png"]) >= 0


def test_blocks_are_as_wide_as_the_shards_say(tmp_path: Path) -> None:
    made = make(tmp_path, block_dim=6)
    store = FeatureStore.open(made.features)
    assert store.block_shape == (49, 6)
    blocks = np.concatenate(made.arrays["image/blocks"])
    found = store.gather([3, -1, 0]).blocks.numpy()
    assert found.shape == (3, 49, 6) and not found[1].any()
    np.testing.assert_array_equal(found[[0, 2]], blocks[[3, 0]])
    assert FeatureStore.open(make(tmp_path / "more", fc7=True, block_dim=6).features, image="fc7").gather(
        [0]
    ).blocks.shape == (1, 0, 6)
