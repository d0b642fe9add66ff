"""Damage in the coded data of a JPEG is seen wherever its codes end elsewhere than its pixels; elsewhere never."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dgf.pipeline.photos import ImageError, decode
from support.hostile_photos import DAMAGED, encoded, picture, saved, zeroed

KINDS = {
    "plain": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "restarts at every block": {"restart_marker_blocks": 1},
    "progressive with restarts": {"progressive": True, "restart_marker_rows": 2},
    "optimized": {"optimize": True},
}


def reason(data: bytes) -> str:
    with pytest.raises(ImageError) as error:
        decode(data)
    return str(error.value)


def noise(height: int = 96, width: int = 120, seed: int = 0) -> Image.Image:
    """Noise over flat quarters: neither all codes short nor all long."""
    values = picture(height, width).astype(int)
    values += np.random.default_rng(seed).integers(-40, 40, values.shape)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def scans_of(data: bytes) -> list[tuple[int, int]]:
    """Where the coded data of each scan begins and ends, by the markers around it."""
    found, at = [], 0
    while (at := data.find(b"\xff\xda", at)) >= 0:
        start = end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        while data[end] != 0xFF or data[end + 1] in (0, *range(0xD0, 0xD8)):
            end += 1
        found.append((start, end))
        at = end
    return found


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_undamaged_photos_are_never_refused_and_keep_their_pixels(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    image = noise(height, width, data.draw(st.integers(0, 9)))
    if data.draw(st.booleans()):
        image = Image.new("RGB", (width, height), data.draw(st.sampled_from(["black", "white", "teal"])))
    options = dict(data.draw(st.sampled_from(list(KINDS.values()))))
    options |= {"quality": data.draw(st.integers(30, 100)), "subsampling": data.draw(st.integers(0, 2))}
    whole = saved(image.convert(data.draw(st.sampled_from(["RGB", "L", "CMYK"]))), "JPEG", **options)
    pixels = decode(whole)
    assert np.array_equal(pixels, decode(whole, "use"))
    for cut in (1, 2):
        assert np.array_equal(pixels, decode(whole[:-cut])), "only the marker at the end lacks"
    for more in (b"\xff", b"\xff\xff\xff"):
        assert np.array_equal(pixels, decode(whole[:-2] + more + whole[-2:])), "fill bytes before a marker"


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_codes_missing_or_left_over_anywhere_are_seen(options: dict[str, bool], mode: str) -> None:
    whole = saved(noise().convert(mode), "JPEG", quality=90, **options)
    for start, end in scans_of(whole):
        if end - start < 100:
            continue
        middle = (start + end) // 2
        assert reason(whole[:middle] + whole[end:]) == DAMAGED, "the second half lacks"
        # At most the last block is repeated where each ends with a marker, and that changes no pixel.
        if "restart_marker_blocks" not in options:
            assert reason(whole[:end] + whole[middle : end - 1] + whole[end:]) == DAMAGED, "there is half of it more"


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_most_random_damage_is_seen(options: dict[str, bool]) -> None:
    whole = saved(noise(200, 300), "JPEG", quality=85, **options)
    start, end = max(scans_of(whole), key=lambda scan: scan[1] - scan[0])
    random, seen = np.random.default_rng(0), 0
    for _ in range(40):
        at = int(random.integers(start, end - 300))
        damaged = whole[:at] + random.bytes(300).replace(b"\xff", b"\xfe") + whole[at + 300 :]
        try:
            decode(damaged)
        except ImageError as error:
            seen += str(error) in (DAMAGED, "broken image data")
    assert seen >= 26


def test_a_restart_marker_out_of_turn_is_damage() -> None:
    whole = bytearray(saved(noise(), "JPEG", quality=90, restart_marker_rows=1))
    at = whole.index(b"\xff\xd1")
    whole[at + 1] = 0xD3
    assert reason(bytes(whole)) == DAMAGED


def test_a_photo_that_is_cut_off_is_truncated_in_either_way() -> None:
    for options in KINDS.values():
        whole = saved(noise(), "JPEG", quality=90, **options)
        for damaged in ("fail", "use"):
            with pytest.raises(ImageError, match=r"^truncated$"):
                decode(whole[: len(whole) // 2], damaged)


def test_a_progressive_photo_without_its_last_scans_is_truncated_unless_it_says_that_this_is_its_end() -> None:
    whole = saved(noise(), "JPEG", progressive=True)
    _, end = scans_of(whole)[2]
    assert reason(whole[:end]) == "truncated"
    assert decode(whole[:end] + b"\xff\xd9").shape == (96, 120, 3)


@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 3}])
def test_each_component_may_have_its_own_scan(options: dict[str, int]) -> None:
    parts = [saved(band, "JPEG", quality=80, **options) for band in noise().split()]
    first, sof, sos = parts[0], parts[0].index(b"\xff\xc0"), parts[0].index(b"\xff\xda")
    frame = b"\xff\xc0\0\x11" + first[sof + 4 : sof + 9] + b"\3" + b"\1\x11\0" + b"\2\x11\0" + b"\3\x11\0"
    scans = [
        b"\xff\xda\0\x08\1" + bytes([number]) + b"\0\0\x3f\0" + part[part.index(b"\xff\xda") + 10 : -2]
        for number, part in enumerate(parts, 1)
    ]
    head = first[:sof] + frame + first[sof + 13 : sos]
    whole = head + b"".join(scans)
    assert np.array_equal(decode(whole + b"\xff\xd9"), np.asarray(Image.open(io.BytesIO(whole + b"\xff\xd9"))))
    assert np.array_equal(decode(whole), decode(whole + b"\xff\xd9"))
    assert reason(head + b"".join(scans[:2])) == "truncated"
    assert reason(head + scans[0][:-200] + scans[1] + scans[2] + b"\xff\xd9") == DAMAGED


def test_damaged_photos_can_be_used() -> None:
    whole = encoded(np.asarray(noise()), "JPEG", quality=90)
    damaged = zeroed(whole)
    assert reason(damaged) == DAMAGED
    pixels = decode(damaged, "use")
    assert np.array_equal(pixels, np.asarray(Image.open(io.BytesIO(damaged))))
    assert np.array_equal(pixels[:16], decode(whole)[:16]) and not np.array_equal(pixels, decode(whole))


def test_a_few_bytes_more_than_needed_are_no_damage() -> None:
    whole = encoded(picture(), "JPEG", quality=90)
    assert np.array_equal(decode(whole[:-2] + bytes(4) + whole[-2:]), decode(whole))


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_zeros_up_to_the_length_of_a_file_are_no_pixels(options: dict[str, bool]) -> None:
    whole = saved(noise(), "JPEG", quality=90, **options)
    assert np.array_equal(decode(whole[:-2] + bytes(5_000)), decode(whole))
    _, end = scans_of(whole)[-1]
    assert reason(whole[: end - 100] + bytes(2_000)) in (DAMAGED, "truncated")


@pytest.mark.parametrize("at", [0x0C, 0x80])
def test_damage_in_a_png_is_seen_by_its_checksum(at: int) -> None:
    whole = bytearray(encoded(np.asarray(noise()), "PNG"))
    whole[whole.index(b"IDAT") + at] ^= 1
    assert reason(bytes(whole)) == DAMAGED
    with pytest.raises(ImageError, match=r"^broken image data$"):
        decode(bytes(whole), "use")


def test_a_png_whose_checksum_alone_is_wrong_can_be_used() -> None:
    whole = bytearray(encoded(picture(), "PNG"))
    whole[-14] ^= 1
    assert reason(bytes(whole)) == DAMAGED
    assert np.array_equal(decode(bytes(whole), "use"), picture())


def test_what_says_how_colors_are_stored_is_kept() -> None:
    whole = encoded(np.asarray(noise()), "JPEG", quality=95)
    frame, scan = whole.index(b"\xff\xc0"), whole.index(b"\xff\xda")
    named = bytearray(whole)
    for number, name in enumerate(b"RGB"):  # ids that would mean red, green and blue, were there no JFIF segment
        named[frame + 10 + 3 * number] = named[scan + 5 + 2 * number] = name
    assert np.array_equal(decode(bytes(named)), decode(whole))
    plain = saved(noise(), "JPEG", quality=95, keep_rgb=True)  # red, green and blue, by Adobe's segment or the ids
    assert np.array_equal(decode(plain), np.asarray(Image.open(io.BytesIO(plain))))
