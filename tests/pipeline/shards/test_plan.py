import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.errors import FolderTakenError, UserError
from dgf.pipeline.shards.plan import Photo, Plan
from dgf.pipeline.shards.planning import _batches, _pack, make_plan
from support.tiny_job import paint, resized, tiny_plan


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    root = tmp_path_factory.mktemp("photos")
    return root, paint(root, 30)


def test_the_order_and_number_of_posts_do_not_matter(photos: tuple[Path, list[str]]) -> None:
    root, names = photos
    shuffled = names * 2
    random.Random(0).shuffle(shuffled)
    plan = tiny_plan(root, names)
    assert tiny_plan(root, shuffled) == plan and len(list(plan.photos())) == 30


def test_renamed_photos_stay_in_their_batches(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    names = paint(before, 72, size=(16, 16))[::3]
    after.mkdir()
    renamed = list(reversed(names))
    for old, new in zip(names, renamed, strict=True):
        shutil.copy(before / old, after / new)
    random.Random(0).shuffle(renamed)

    def contents(plan: Plan) -> list[list[str]]:
        return [[photo.sha256 for photo in batch] for shard in plan.shards for batch in shard]

    plan, again = tiny_plan(before, names), tiny_plan(after, renamed)
    assert len({photo.size for photo in plan.photos()}) == 1 and len(contents(plan)) == 6
    assert contents(again) == contents(plan) and again.summary() == plan.summary()


def test_files_with_the_same_bytes_are_one_photo(photos: tuple[Path, list[str]], tmp_path: Path) -> None:
    root, names = photos
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    plan = tiny_plan(tmp_path, names)
    for name in names:
        shutil.copy(tmp_path / name, tmp_path / f"again-{name}")
    doubled = tiny_plan(tmp_path, [*names, *(f"again-{name}" for name in names)])
    assert doubled.summary() == plan.summary()
    assert {photo.ids for photo in doubled.photos()} == {(f"again-{name}", name) for name in names}


def test_a_photo_keeps_the_id_that_an_earlier_run_chose(photos: tuple[Path, list[str]], tmp_path: Path) -> None:
    root, names = photos
    shutil.copy(root / names[0], tmp_path / "b.jpg")
    before = tiny_plan(tmp_path, ["b.jpg"])
    shutil.copy(root / names[0], tmp_path / "a.jpg")

    def again(ids: list[str]) -> Photo:
        plan = make_plan(tmp_path, ids, shard_size=6, batch_size=4, resized=resized, before=before)
        return next(plan.photos())

    assert again(["a.jpg", "b.jpg"]).ids == ("b.jpg", "a.jpg")
    assert again(["a.jpg"]).ids == ("a.jpg",)


def test_what_is_no_photo_is_recorded(photos: tuple[Path, list[str]], tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.jpg").touch()
    plan = tiny_plan(tmp_path, ["text.jpg", "empty.jpg", "gone.jpg", "../x.jpg", "half\ud800.jpg"])
    reasons = {failure.image_id: failure.reason for failure in plan.failures}
    assert plan.shards == () and reasons["empty.jpg"] == "empty file" and reasons["gone.jpg"] == "no such file"
    assert set(reasons) == {"text.jpg", "empty.jpg", "gone.jpg", "../x.jpg", "half\\ud800.jpg"}
    plan.save(tmp_path)
    assert Plan.load(tmp_path) == plan


def test_it_is_read_as_it_was_saved(photos: tuple[Path, list[str]], tmp_path: Path) -> None:
    plan = tiny_plan(*photos)
    plan.save(tmp_path)
    assert Plan.load(tmp_path) == plan and Plan.load(tmp_path).summary() == plan.summary()


@pytest.mark.parametrize("content", [None, "{", "[]", '{"shards": [[[{"size": 3}]]]}'])
def test_a_broken_plan_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "plan.json").write_text(content)
    with pytest.raises(UserError, match=r"plan\.json"):
        Plan.load(tmp_path)


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), max_size=60),
    batch=st.integers(1, 9),
    shard=st.integers(1, 20),
)
def test_every_photo_has_one_place_among_its_like(sizes: list[tuple[int, int]], batch: int, shard: int) -> None:
    photos = [Photo(f"{n}.jpg", f"{n:064x}", size, 1) for n, size in enumerate(sizes)]
    shards = _pack(_batches(photos, min(batch, shard), lambda height, width: (height, width)), shard)
    placed = [photo for part in shards for one in part for photo in one]
    assert sorted(photo.image_id for photo in placed) == sorted(photo.image_id for photo in photos)
    for part in shards:
        assert 0 < sum(len(one) for one in part) <= shard
        for one in part:
            assert 0 < len(one) <= batch
            assert len({(-(-photo.size[0] // 64), -(-photo.size[1] // 64)) for photo in one}) == 1


def test_a_plan_with_a_changed_byte_is_refused_and_planned_again(
    photos: tuple[Path, list[str]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert Plan.load_if_there(tmp_path) is None and not caplog.text
    tiny_plan(*photos).save(tmp_path)
    text = (tmp_path / "plan.json").read_text()
    (tmp_path / "plan.json").write_text(text.replace("photo-0001", "photo-0009", 1))
    with pytest.raises(UserError, match=r"plan\.json: cannot be read: it has changed(?s:.*)dgf extract-features"):
        Plan.load(tmp_path)
    assert Plan.load_if_there(tmp_path) is None and "planned again" in caplog.text


def test_photos_that_are_tried_again_lie_behind_the_others(tmp_path: Path) -> None:
    names = paint(tmp_path, 12)
    broken, gone = names[3], names[7]
    for name in (broken, gone):
        (tmp_path / name).rename(tmp_path / f"whole-{name}")
    shutil.copy(tmp_path / names[0], tmp_path / "other.jpg")
    with (tmp_path / "other.jpg").open("ab") as file:
        file.write(b"\0")
    shutil.move(tmp_path / "other.jpg", tmp_path / broken)  # a photo that a later one takes the place of

    def plan(before: Plan | None, *again: str) -> Plan:
        return make_plan(
            tmp_path, names, shard_size=6, batch_size=4, resized=resized, before=before, again=frozenset(again)
        )

    first = plan(None)
    assert [failure.image_id for failure in first.failures] == [gone] and first.retried == ()
    for name in (broken, gone):
        (tmp_path / f"whole-{name}").rename(tmp_path / name)
    assert plan(first).summary() != first.summary()
    second = plan(first, broken, gone)
    assert second.summary() == first.summary() and second.failures == ()
    expected = [
        [tuple(photo for photo in batch if photo.image_id != broken) for batch in shard] for shard in first.shards
    ]
    assert [list(shard) for shard in second.shards[: len(first.shards)]] == [
        [batch for batch in shard if batch] for shard in expected
    ]
    assert {photo.image_id for shard in second.retried for batch in shard for photo in batch} == {broken, gone}
    assert plan(second) == second
    second.save(tmp_path)
    assert Plan.load(tmp_path) == second

    # Tried again once more, they make way for themselves; a file that has changed otherwise is another plan.
    assert plan(second, broken, gone) == second
    third = plan(second, gone)
    assert len(third.retried) == 2 and third.summary() == first.summary()
    for other in (names[5], broken, None):
        (tmp_path / gone).unlink()
        if other is not None:
            shutil.copy(tmp_path / other, tmp_path / gone)
        with pytest.raises(FolderTakenError, match=rf"{gone} is not the file .*tried again"):
            plan(third)
    assert [failure.image_id for failure in plan(third, gone).failures] == [gone]
