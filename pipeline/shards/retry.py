"""Photos of a folder of features that are tried again: which failed, and what stands of their failures afterwards."""

from collections.abc import Iterable, Set

from dgf.pipeline.shards.claim import MANIFEST
from dgf.pipeline.shards.folder import ShardFolder
from dgf.pipeline.shards.marker import Failure, Marker
from dgf.pipeline.shards.mirrored import records_of
from dgf.pipeline.shards.plan import Plan
from dgf.pipeline.shards.planning import ids_of
from dgf.pipeline.storage.address import Location


def find_failed(where: Location, named: Iterable[tuple[str, ...]]) -> frozenset[str]:
    """Find the ids to try again: of photos whose shard is done without them, or whose file was not there or no photo.

    Each of `named` holds the ids that a post's photo may have; where one of them failed, the others are tried too,
    unless they have features. A folder that is not there has none.

    Raises:
        UserError: The folder's settings or manifest cannot be read.
    """
    plan = Plan.load_if_there(records_of(where))
    if plan is None:
        return frozenset()
    folder = ShardFolder.open(where, "features")
    failed = {failure.image_id for failure in plan.failures}
    planned: set[str] = set()
    for index, shard in enumerate(plan.shards):
        planned |= ids_of(shard)
        marker = folder.committed(index)
        if marker is not None:
            without_row = {failure.image_id for failure in marker.stats.failures}
            failed |= ids_of((tuple(photo for batch in shard for photo in batch if photo.image_id in without_row),))
        elif shard in plan.retried:  # an earlier attempt was cut short
            failed |= ids_of(shard)
    recorded = set(failed)
    if (folder.path / MANIFEST).is_file():
        # those that were missing, and those that no shard had, such as links that lead elsewhere
        recorded |= {*folder.manifest.get("missing", ()), *(failure.image_id for failure in folder.failures)}
    candidates = {image_id for ids in named if not recorded.isdisjoint(ids) for image_id in ids}
    return frozenset(image_id for image_id in candidates if image_id in failed or image_id not in planned)


def clear_retried(folder: ShardFolder, before: Plan, plan: Plan, again: Set[str]) -> None:
    """Remove shards of the earlier plan in whose places photos lie now that are tried again, or none."""
    for index in range(len(before.shards)):
        if index >= len(plan.shards) or not again.isdisjoint(ids_of(plan.shards[index])):
            folder.withdraw(index)


def standing_failures(plan: Plan, markers: Iterable[Marker]) -> tuple[Failure, ...]:
    """The failures of plan and shards, one a photo, without those of photos that left their shard to be tried again."""
    found: dict[str, Failure] = {}
    for marker in markers:
        planned = ids_of(plan.shards[marker.index])
        found |= {failure.image_id: failure for failure in marker.stats.failures if failure.image_id in planned}
    return tuple((found | {failure.image_id: failure for failure in plan.failures}).values())
