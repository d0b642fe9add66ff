"""A folder of photos that go wrong in every way we know, with what must become of each."""

import io
import os
import socket
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

NOT_AN_IMAGE = "not a JPEG, PNG, GIF, WebP, BMP or TIFF image, or its header is broken"
OUTSIDE = "leads outside the data folder"
BOMB = "more than 50,000,000 pixels"
COSTLY_BOMB = "more than 25,000,000 pixels"
DAMAGED = "damaged pixel data"
MISSING = "no such file"


@dataclass(frozen=True)
class Case:
    """One photo: the pixels it must give, or the reason why it gives none.

    Args:
        image_id: Relative to the photos' folder.
        pixels: (H, W, 3) where it is usable.
        reason: Text of the ImageError where it is not.
        tolerance: Largest difference of a pixel allowed (JPEG is lossy).
    """

    image_id: str
    pixels: Pixels | None = None
    reason: str | None = None
    tolerance: int = 0


def picture(height: int = 48, width: int = 64) -> Pixels:
    """Four flat quarters of different colors: no turn or flip leaves it as it is, and JPEG hardly changes it."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (200, 40, 40)
    pixels[: height // 2, width // 2 :] = (40, 180, 60)
    pixels[height // 2 :, : width // 2] = (50, 60, 210)
    pixels[height // 2 :, width // 2 :] = (230, 220, 90)
    return pixels


def encoded(pixels: npt.NDArray[np.generic], form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, color: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG by hand, for what Pillow does not write: 16-bit color, sizes that lie."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def zipped(kind: bytes, head: bytes) -> bytes:
    """A PNG chunk that is small, and four million zeros after decompression."""
    return chunk(kind, head + zlib.compress(bytes(1 << 22)))


def zeroed(data: bytes, count: int = 400) -> bytes:
    """Zeros over the middle of a photo's coded data."""
    start = (data.rindex(b"\xff\xda") + len(data) - count) // 2
    return data[:start] + bytes(count) + data[start + count :]


def bad_checksum(data: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk before its pixels, whose checksum is wrong."""
    at = data.index(b"IDAT") - 4
    wrong = bytearray(chunk(kind, body))
    wrong[-1] ^= 1
    return data[:at] + bytes(wrong) + data[at:]


def oriented(form: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if form == "TIFF":
        return encoded(picture(), form, tiffinfo={0x0112: orientation})
    options = {"quality": 95, "subsampling": 0} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
    return encoded(picture(), form, exif=exif, **options)


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """The EXIF standard's table: where the stored row 0 and column 0 belong."""
    turned = pixels.transpose(1, 0, 2) if orientation >= 5 else pixels
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return turned[::rows, ::columns]


def build(folder: Path) -> tuple[Path, list[Case]]:
    """Make `folder/photos` and, beside it, `folder/outside` with a good photo that must never be read.

    Returns:
        The photos' folder, and what must become of each photo.
    """
    root, outside = folder / "photos", folder / "outside"
    root.mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.png").write_bytes(encoded(picture(), "PNG"))
    cases = []
    for image_id, data, expected in _files():
        path = root / image_id
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if isinstance(expected, str):
            cases.append(Case(image_id, reason=expected))
        else:
            cases.append(Case(image_id, expected, tolerance=12 if data.startswith(b"\xff\xd8") else 0))
    return root, [*cases, *_paths(root, outside)]


def _files() -> Iterator[tuple[str, bytes, Pixels | str]]:
    plain = picture()
    jpeg = encoded(plain, "JPEG", quality=95, subsampling=0)
    yield "good.jpg", jpeg, plain
    yield "empty.jpg", b"", "empty file"
    yield "text.jpg", b"this is no picture\n" * 40, NOT_AN_IMAGE
    yield "page.jpg", b"<html><body>404</body></html>", "not an image that is read: an HTML page, not the file itself"
    yield "noise.png", np.random.default_rng(0).bytes(5000), NOT_AN_IMAGE
    yield from _metadata()
    yield from _truncated()
    yield from _bombs()
    yield from _kinds()
    yield from _transparent()
    yield from _animated()
    yield from _frames()
    for orientation in range(1, 9):
        yield f"exif {orientation}.jpg", oriented("JPEG", orientation), upright(plain, orientation)
    for form in ("PNG", "WEBP", "TIFF"):
        yield f"exif-6.{form.lower()}", oriented(form, 6), upright(plain, 6)
    nonsense = b"Exif\0\0MM\0*\xff\xff"
    yield "exif-nonsense.jpg", encoded(plain, "JPEG", quality=95, subsampling=0, exif=nonsense), plain
    yield "exif-99.png", oriented("PNG", 99), plain
    yield "one-pixel.png", encoded(plain[:1, :1], "PNG"), plain[:1, :1]
    wide, tall = np.tile(plain[:2], (1, 313, 1))[:, :20000], np.full((20000, 3, 3), 77, np.uint8)
    yield "wide.png", encoded(wide, "PNG"), wide
    yield "tall.jpg", encoded(tall, "JPEG"), tall
    for name in (
        "with space .jpg",
        "żółć 🐎 犬.jpg",
        "-rf.jpg",
        "new\nline.jpg",
        "quo\"te'.jpg",
        "%2e%2e.jpg",
        "back\\slash.jpg",
    ):
        yield name, jpeg, plain
    yield "deep/er/est/photo.jpg", jpeg, plain
    yield "no-suffix", jpeg, plain
    yield "really-a-png.jpg", encoded(plain, "PNG"), plain


def _metadata() -> Iterator[tuple[str, bytes, Pixels | str]]:
    """What browsers pass over: large, damaged or nonsensical, and not one pixel depends on it."""
    plain = picture()
    data = encoded(plain, "PNG")
    at = data.index(b"IDAT") - 4
    for kind, head in ((b"iCCP", b"a\0\0"), (b"zTXt", b"a\0\0"), (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0")):
        yield f"big-{kind.decode()}.png", data[:at] + zipped(kind, head) + data[at:], plain
    for kind in (b"tEXt", b"gAMA", b"pHYs", b"acTL", b"fcTL", b"eXIf", b"tRNS"):
        yield f"checksum-{kind.decode()}.png", bad_checksum(data, kind, bytes(3)), plain
        yield f"short-{kind.decode()}.png", data[:at] + chunk(kind, bytes(1)) + data[at:], plain
    jpeg = encoded(plain, "JPEG", quality=95, subsampling=0)
    for name, segment in (("icc", b"\xff\xe2\xff\xffICC_PROFILE\0\1\1"), ("xmp", b"\xff\xe1\xff\xffhttp://ns")):
        yield f"big-{name}.jpg", jpeg[:2] + segment.ljust(65_537, b"x") * 40 + jpeg[2:], plain
    two = [Image.fromarray(plain), Image.fromarray(plain[::-1])]
    stereo = bytearray(saved(two[0], "MPO", save_all=True, append_images=two[1:], quality=95, subsampling=0))
    index = stereo.index(b"MPF\0") + 4
    stereo[index + 8 : index + 40] = b"\xff" * 32
    yield "bad-index.jpg", bytes(stereo), plain


def _truncated() -> Iterator[tuple[str, bytes, Pixels | str]]:
    noisy = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    whole = encoded(noisy, "JPEG", quality=90)
    for tenth in range(10):
        length = max(2, len(whole) * tenth // 10)
        yield f"cut-{tenth}.jpg", whole[:length], "truncated" if tenth else NOT_AN_IMAGE
    for form in ("PNG", "GIF", "BMP", "TIFF", "WEBP"):
        data = encoded(noisy, form, **({"lossless": True} if form == "WEBP" else {}))
        reasons = {"WEBP": "broken image data"}
        yield f"cut.{form.lower()}", data[: len(data) // 2], reasons.get(form, "truncated")
    data = bytearray(encoded(noisy, "PNG"))
    data[len(data) // 2] ^= 0xFF
    yield "flipped-bit.png", bytes(data), DAMAGED
    yield "no-end.jpg", encoded(picture(), "JPEG", quality=95, subsampling=0)[:-2], picture()
    yield "no-end.png", encoded(picture(), "PNG")[:-12], picture()
    yield "no-checksum.png", encoded(picture(), "PNG")[:-18], picture()
    yield "zeros.jpg", zeroed(encoded(noisy, "JPEG", quality=90)), DAMAGED


def _bombs() -> Iterator[tuple[str, bytes, Pixels | str]]:
    yield "bomb.png", png(50_000, 50_000, 1, 0, bytes(100)), BOMB
    yield "bomb-just.png", png(5_000, 5_001, 8, 2, bytes(100)), COSTLY_BOMB
    yield "bomb-just-gray.png", png(5_000, 10_001, 8, 0, bytes(100)), BOMB
    yield "bomb-real.png", png(20_000, 20_000, 1, 0, bytes(20_000 * 2_501)), BOMB
    gif = bytearray(encoded(picture(), "GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    yield "bomb.gif", bytes(gif), BOMB
    bmp = bytearray(encoded(picture(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 1 << 20, 1 << 20)
    yield "bomb.bmp", bytes(bmp), BOMB
    jpeg = bytearray(encoded(picture(), "JPEG"))
    start = jpeg.index(b"\xff\xc0")
    jpeg[start + 5 : start + 9] = struct.pack(">HH", 65500, 65500)
    yield "bomb.jpg", bytes(jpeg), BOMB
    yield "no-pixels.png", png(0, 0, 8, 2, b""), "has no pixels"
    yield "text-bomb.png", png(4, 4, 8, 0, bytes(20), zipped(b"zTXt", b"a\0\0")), np.zeros((4, 4, 3), np.uint8)


def _kinds() -> Iterator[tuple[str, bytes, Pixels | str]]:
    plain = picture()
    cmyk = Image.fromarray(plain).convert("CMYK")
    adobe = saved(cmyk, "JPEG", quality=95)
    yield "cmyk-adobe.jpg", adobe, plain
    at = adobe.index(b"\xff\xee")
    yield "cmyk-unmarked.jpg", adobe[:at] + adobe[at + 16 :], plain
    yield "cmyk.tiff", saved(cmyk, "TIFF"), plain
    gray = plain[:, :, 0]
    yield "gray.jpg", encoded(gray, "JPEG", quality=95), np.repeat(gray[:, :, None], 3, 2)
    wide = (gray.astype(np.uint16) << 8) | 0x5A
    yield "gray16.png", encoded(wide, "PNG"), np.repeat(gray[:, :, None], 3, 2)
    yield "gray16.tiff", encoded(wide, "TIFF"), np.repeat(gray[:, :, None], 3, 2)
    big = (plain.astype(">u2") << 8) | 0x5A
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in big)
    yield "color16.png", png(64, 48, 16, 2, rows), plain
    yield (
        "bilevel.png",
        encoded(gray > 100, "PNG"),
        np.repeat((gray > 100)[:, :, None].astype(np.uint8) * 255, 3, 2),
    )
    yield "palette.png", saved(Image.fromarray(plain).quantize(8), "PNG"), plain
    yield "plain.bmp", encoded(plain, "BMP"), plain
    yield "plain.webp", encoded(plain, "WEBP", lossless=True), plain
    yield (
        "float.tiff",
        encoded(gray.astype(np.float32), "TIFF"),
        "pixels of the kind F have no one reading as RGB",
    )
    yield (
        "integers.tiff",
        encoded(gray.astype(np.int32), "TIFF"),
        "pixels of the kind I have no one reading as RGB",
    )
    # Formats that Pillow could read and we do not let it.
    yield "exotic.ppm", encoded(plain, "PPM"), NOT_AN_IMAGE
    yield "exotic.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", NOT_AN_IMAGE
    yield "exotic.jpg", encoded(plain, "PCX"), NOT_AN_IMAGE
    yield "drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', NOT_AN_IMAGE


def _transparent() -> Iterator[tuple[str, bytes, Pixels | str]]:
    plain = picture()
    holed = plain.copy()
    holed[:24, :32] = 255
    alpha = np.full((48, 64, 1), 255, np.uint8)
    alpha[:24, :32] = 0
    rgba = np.concatenate([plain, alpha], 2)
    yield "rgba.png", encoded(rgba, "PNG"), holed
    yield "rgba.webp", encoded(rgba, "WEBP", lossless=True, exact=True), holed
    yield "rgba.tiff", encoded(rgba, "TIFF"), holed
    half = rgba.copy()
    half[:24, :32, 3] = 51
    blended = plain.copy()
    blended[:24, :32] = np.round(plain[:24, :32] * 0.2 + 255 * 0.8)
    yield "half.png", encoded(half, "PNG"), blended
    gray = plain[:, :, :1]
    yield (
        "la.png",
        encoded(np.concatenate([gray, alpha], 2), "PNG"),
        np.repeat(np.where(alpha == 0, 255, gray), 3, 2),
    )
    palette = Image.fromarray(plain).quantize(8)
    clear = palette.getpixel((0, 0))
    yield "palette-clear.png", saved(palette, "PNG", transparency=clear), holed
    yield "palette-clear.gif", saved(palette, "GIF", transparency=clear), holed
    yield (
        "palette-alpha.png",
        saved(palette, "PNG", transparency=bytes(0 if i == clear else 255 for i in range(8))),
        holed,
    )
    yield "key.png", saved(Image.fromarray(plain), "PNG", transparency=(200, 40, 40)), holed
    wide = gray[:, :, 0].astype(np.uint16) << 8
    clear16 = int(wide[0, 0])
    keyed = np.repeat(np.where(wide[:, :, None] == clear16, 255, gray), 3, 2).astype(np.uint8)
    yield "key16.png", saved(Image.fromarray(wide), "PNG", transparency=clear16), keyed
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in plain)
    key = chunk(b"tRNS", struct.pack(">HHH", 200, 40, 40))
    yield "key-color16.png", png(64, 48, 16, 2, rows, key), "a transparent color in 16 bits is not supported"


def _animated() -> Iterator[tuple[str, bytes, Pixels | str]]:
    plain = picture()
    frames = [Image.fromarray(plain), Image.fromarray(plain[::-1]), Image.fromarray(255 - plain)]
    for form in ("PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if form == "WEBP" else {}
        yield (
            f"moving.{form.lower()}",
            saved(frames[0], form, save_all=True, append_images=frames[1:], **options),
            plain,
        )
    small = [frame.quantize(8) for frame in frames]
    yield "moving.gif", saved(small[0], "GIF", save_all=True, append_images=small[1:]), plain
    two = [Image.fromarray(plain), Image.fromarray(plain[::-1])]
    yield (
        "stereo.jpg",
        saved(two[0], "MPO", save_all=True, append_images=two[1:], quality=95, subsampling=0),
        plain,
    )


def _frames() -> Iterator[tuple[str, bytes, Pixels | str]]:
    """First frames that are not as large as the canvas: what they leave is white, what leaves them is seen."""
    plain = picture()
    data = saved(Image.fromarray(plain).quantize(8), "GIF")
    canvas = np.full((60, 90, 3), 255, np.uint8)
    canvas[5:53, 10:74] = plain
    yield "offset.gif", placed(data, (90, 60), (10, 5)), canvas
    grown = np.full((50, 66, 3), 255, np.uint8)
    grown[2:, 2:] = plain
    yield "outside.gif", placed(data, (20, 10), (2, 2)), grown


def placed(data: bytes, canvas: tuple[int, int], corner: tuple[int, int]) -> bytes:
    """A GIF with its frame elsewhere on another canvas."""
    at = data.index(b",\0\0\0\0")
    return data[:6] + struct.pack("<HH", *canvas) + data[10 : at + 1] + struct.pack("<HH", *corner) + data[at + 5 :]


def _paths(root: Path, outside: Path) -> Iterator[Case]:
    secret = outside / "secret.png"
    yield Case("../outside/secret.png", reason=OUTSIDE)
    yield Case("deep/../../outside/secret.png", reason=OUTSIDE)
    yield Case("deep/../good.jpg", reason=OUTSIDE)
    yield Case(str(secret), reason=OUTSIDE)
    yield Case(f"deep/{secret}", reason=MISSING)
    (root / "link-out.png").symlink_to(secret)
    yield Case("link-out.png", reason=OUTSIDE)
    (root / "folder-out").symlink_to(outside, target_is_directory=True)
    yield Case("folder-out/secret.png", reason=OUTSIDE)
    (root / "link-link.png").symlink_to("link-out.png")
    yield Case("link-link.png", reason=OUTSIDE)
    (root / "device.jpg").symlink_to("/dev/zero")
    yield Case("device.jpg", reason=OUTSIDE)
    (root / "link-in.png").symlink_to("rgba.png")
    holed = picture()
    holed[:24, :32] = 255
    yield Case("link-in.png", holed)
    (root / "dangling.jpg").symlink_to("nowhere.jpg")
    yield Case("dangling.jpg", reason=MISSING)
    (root / "loop.jpg").symlink_to("loop.jpg")
    yield Case("loop.jpg", reason="cannot be read: Too many levels of symbolic links")
    os.mkfifo(root / "pipe.jpg")
    yield Case("pipe.jpg", reason="not a regular file")
    (root / "folder.jpg").mkdir()
    yield Case("folder.jpg", reason="not a regular file")
    yield Case("good.jpg/", reason=MISSING)
    yield Case("good.jpg/more.jpg", reason=MISSING)
    yield Case("not-there.jpg", reason=MISSING)
    yield Case("n" * 300 + ".jpg", reason="cannot be read: File name too long")
    with (root / "huge.jpg").open("wb") as file:  # sparse: takes no room
        file.write(encoded(picture(), "JPEG"))
        file.truncate((64 << 20) + 1)
    yield Case("huge.jpg", reason="larger than 64 MiB")
    plug = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    try:
        os.chdir(root)  # a socket's path may be no longer than about a hundred bytes
        plug.bind("socket.jpg")
    finally:
        os.chdir(here)
        plug.close()
    yield Case("socket.jpg", reason="not a regular file")
