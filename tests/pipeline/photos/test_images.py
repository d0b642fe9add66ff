import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dgf.pipeline.photos import find_image, why_missing
from dgf.pipeline.photos.images import (
    ImageError,
    decode,
    digest,
    probe,
    read_bytes,
)
from dgf.pipeline.posts import Dataset, Mention, Post
from support.hostile_photos import OUTSIDE, Case, build, encoded, oriented, picture

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Case]]:
    return build(tmp_path_factory.mktemp("hostile"))


def test_every_hostile_photo_ends_as_right_pixels_or_as_its_reason(hostile: tuple[Path, list[Case]]) -> None:
    root, cases = hostile
    wrong = []
    for case in cases:
        try:
            pixels = decode(read_bytes(root, case.image_id))
        except ImageError as error:
            if str(error) != case.reason:
                wrong.append(f"{case.image_id!r}: {error}, expected {case.reason or 'pixels'}")
            continue
        if case.pixels is None:
            wrong.append(f"{case.image_id!r}: gave pixels, expected {case.reason}")
        elif pixels.shape != case.pixels.shape or pixels.dtype != np.uint8:
            wrong.append(f"{case.image_id!r}: {pixels.shape}, expected {case.pixels.shape}")
        elif (off := np.abs(pixels.astype(int) - case.pixels).max()) > case.tolerance:
            wrong.append(f"{case.image_id!r}: pixels differ by up to {off}")
    assert not wrong, "\n".join(wrong)
    assert len({case.image_id for case in cases}) == len(cases) >= 40


def test_probe_knows_the_size_of_what_decode_gives(hostile: tuple[Path, list[Case]]) -> None:
    root, cases = hostile
    for case in cases:
        if case.pixels is not None:
            assert probe(read_bytes(root, case.image_id)) == case.pixels.shape[:2], case.image_id


def test_probe_reads_no_pixels() -> None:
    data = encoded(picture(480, 640), "PNG", exif=_exif(6))
    assert probe(data[:200]) == (640, 480)


def test_nothing_outside_the_folder_is_opened(
    hostile: tuple[Path, list[Case]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, cases = hostile
    opened: list[str] = []
    real = os.open

    def watch(path: str, *rest: int) -> int:
        opened.append(os.path.realpath(path))
        return real(path, *rest)

    monkeypatch.setattr(os, "open", watch)
    for case in cases:
        try:
            read_bytes(root, case.image_id)
        except ImageError:
            continue
    assert opened and all(Path(path).is_relative_to(root.resolve()) for path in opened)


def test_threads_get_the_same_pixels(hostile: tuple[Path, list[Case]]) -> None:
    root, cases = hostile
    data = [read_bytes(root, case.image_id) for case in cases if case.pixels is not None and case.pixels.size < 1e5]
    alone = [decode(item) for item in data]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(decode, data * 3))
    assert all(np.array_equal(one, other) for one, other in zip(alone * 3, together, strict=True))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_agree_between_formats(form: str, orientation: int) -> None:
    data = oriented(form, orientation)
    pixels = decode(data)
    assert probe(data) == pixels.shape[:2]
    corner = {1: (200, 40, 40), 2: (40, 180, 60), 3: (230, 220, 90), 4: (50, 60, 210)}
    corner |= {5: (200, 40, 40), 6: (50, 60, 210), 7: (230, 220, 90), 8: (40, 180, 60)}
    assert np.abs(pixels[3, 3].astype(int) - corner[orientation]).max() < 8


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_bytes_never_raise_anything_else(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(FORMATS))
    whole = bytearray(encoded(picture(), form))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        pixels = decode(damaged)
    except ImageError as error:
        assert 0 < len(str(error)) < 120 and "\n" not in str(error)
    else:
        assert pixels.ndim == 3 and pixels.shape[2] == 3 and probe(damaged) == pixels.shape[:2]


def test_find_image_takes_the_first_that_is_there(hostile: tuple[Path, list[Case]]) -> None:
    root, _ = hostile
    mention = Mention("a", 0, 1)
    dataset = Dataset(root, root, {}, ())

    def post(*ids: str) -> Post:
        return Post("1", ("a", "b"), mention, Mention("b", 1, 2), ids)

    assert find_image(dataset, post("nope.jpg", "good.jpg", "rgba.png")) == "good.jpg"
    assert find_image(dataset, post()) is None
    assert find_image(dataset, post("../outside/secret.png", "folder-out/secret.png")) is None
    assert why_missing(dataset, post("nope.jpg", "folder-out/secret.png")) == OUTSIDE
    assert why_missing(dataset, post("nope.jpg")) == "no such file"


def test_root_may_be_a_link_and_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    assert read_bytes(tmp_path / "link", "./a.png") == b"x"
    with pytest.raises(ImageError, match="no such file"):
        read_bytes(tmp_path / "absent", "a.png")
    with pytest.raises(ImageError, match="no file can have this name"):
        read_bytes(tmp_path, "a\0b")


def test_digest_is_sha256() -> None:
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif
