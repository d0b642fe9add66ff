from dgf.pipeline.jobs.base import ShardResult
from dgf.pipeline.jobs.driver import PhotoBar


def test_photos_count_once_however_often_their_shard_is_run() -> None:
    with PhotoBar("test", [4, 6, 5], todo=[0, 2]) as bar:
        assert bar._bar.n == 6, "the shard that is committed already"
        bar.photos(0, 3)
        bar.photos(0, 1)  # its worker died and it began anew
        bar.photos(0, 4)
        bar.photos(2, 9)  # never more than planned
        assert bar._bar.n == 15
        bar.result(ShardResult(2, 5, (), {}, True))
        assert (bar._bar.n, len(bar.results)) == (15, 1)
