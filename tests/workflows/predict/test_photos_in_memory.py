"""A photo that goes through the networks in memory has the row of shards with one photo a batch, bit for bit."""

import numpy as np

from dgf.pipeline.features import FeatureStore, FeatureTable
from dgf.workflows.predict.networks import WeightPlaces, open_networks
from dgf.workflows.training.run_folder import RunFolder
from support.seen_world import SeenWorld


def test_features_and_captions_are_those_of_shards_bit_for_bit(world: SeenWorld) -> None:
    store = FeatureStore.open(world.features, world.captions)
    folder = RunFolder(world.run)
    networks = open_networks(folder, folder.read_data(), WeightPlaces(), "cpu")
    seen = [networks.see((world.posts / image_id).read_bytes()) for image_id in store.image_ids]
    assert [photo.caption for photo in seen] == store.captions(range(len(store))) and len(seen) == 12
    rows = np.array([3, -1, 0, 11, 3])
    found, expected = FeatureTable(networks.layout, [photo.arrays for photo in seen]).gather(rows), store.gather(rows)
    for name in ("objects", "object_mask", "blocks", "fc7", "pyramid"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all()), name
    assert found.object_mask.any() and not found.object_mask[1].any()
