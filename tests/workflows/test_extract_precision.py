"""`dgf extract-features --precision`: how far bfloat16 agrees with float32, and that a folder keeps to one of them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from dgf.pipeline import precision
from dgf.pipeline.detectors import DetectorSpec, build_detector
from dgf.pipeline.detectors.torchvision_rcnn import TorchvisionDetector
from dgf.pipeline.encoders import EncoderSpec
from dgf.pipeline.encoders.resnet import PyramidExtractor, ResNetSpec, build_resnet
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import networks_fingerprint
from dgf.pipeline.files import read_record
from dgf.pipeline.jobs.extraction_spec import FeatureSpec
from dgf.pipeline.jobs.in_memory import PhotoNetworks
from dgf.pipeline.photos import decode
from dgf.pipeline.shards import ShardFolder
from dgf.workflows.extract import extract_photos
from dgf.workflows.settings import ExtractSettings
from support.agreement import compare, cosine, read
from support.detecting import detect
from support.narrow_job import narrow_settings
from support.posts_of import posts_of
from support.tiny_job import paint


@pytest.fixture(scope="module", autouse=True)
def any_cpu() -> Iterator[None]:
    """A CPU without bfloat16 computes in it too, only slowly; what is refused has its own test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "_CPU_FLAGS", frozenset({"flags", "Features"}))
        yield


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> ExtractSettings:
    """Nine photos in the precision that a CPU has unless told otherwise, one a batch."""
    root = tmp_path_factory.mktemp("precision")
    data = posts_of(root / "photos", paint(root / "photos", 9))
    settings = replace(narrow_settings(data, root / "float32", root), batch_size=1)
    extract_photos(settings)
    return settings


@pytest.fixture(scope="module")
def halved(usual: ExtractSettings) -> ExtractSettings:
    """The same in bfloat16."""
    settings = replace(usual, out=usual.out.parent / "bfloat16", precision="bfloat16")
    assert extract_photos(settings).rows == 9
    return settings


def test_bfloat16_sees_nearly_what_float32_sees(usual: ExtractSettings, halved: ExtractSettings) -> None:
    found = compare(usual.out, halved.out)
    assert found.matched >= 0.8 and found.objects.min() > 0.99 and found.blocks.min() > 0.999
    one, other = read(usual.out), read(halved.out)
    for name in ("objects/features", "image/blocks"):
        assert not any(np.array_equal(one[photo][name], other[photo][name]) for photo in one), name


def test_a_folder_keeps_to_its_precision(usual: ExtractSettings, halved: ExtractSettings) -> None:
    # What a CPU computes in anyway is nothing that a folder says, so that older ones go on.
    settings = read_record(usual.out / "settings.json")
    assert settings["detector"]["precision"] == "float32 on cpu, float16 autocast on cuda"
    assert settings["vgg"]["precision"] == "float32 on cpu, bfloat16 autocast on cuda"
    assert "precision" not in ShardFolder.open(usual.out).command
    assert extract_photos(replace(usual, precision="float32")).computed == 0

    in_half = read_record(halved.out / "settings.json")
    assert in_half["detector"]["precision"] == in_half["vgg"]["precision"] == "bfloat16 autocast"
    assert networks_fingerprint(settings) != networks_fingerprint(in_half)
    assert extract_photos(halved).computed == 0
    for folder, other in ((usual, "bfloat16"), (halved, "float32"), (halved, None)):
        with pytest.raises(UserError, match=r"(?s)detector\.precision was .*vgg\.precision was .*--overwrite"):
            extract_photos(replace(folder, precision=other))


def test_new_photos_are_seen_in_the_precision_of_the_folder(usual: ExtractSettings, halved: ExtractSettings) -> None:
    for settings in (usual, halved):
        spec = FeatureSpec.of_command(ShardFolder.open(settings.out).command)
        assert networks_fingerprint(spec.settings()) == networks_fingerprint(
            read_record(settings.out / "settings.json")
        )
        networks, rows = PhotoNetworks(spec, None, "cpu"), read(settings.out)
        for name in list(rows)[:2]:
            seen = networks.see((settings.data.parent / name).read_bytes()).arrays
            assert all(np.array_equal(seen[array], values) for array, values in rows[name].items())


def test_each_network_computes_in_it(usual: ExtractSettings) -> None:
    pixels = decode((usual.data.parent / "photo-0001.jpg").read_bytes())
    spec = DetectorSpec("torchvision:fasterrcnn_mobilenet_v3_large_320_fpn", "random", 8, 64, 64, "bfloat16")
    detector, resnet = build_detector(spec, "cpu"), build_resnet(ResNetSpec("random", "bfloat16"), "cpu")
    assert isinstance(detector, TorchvisionDetector)
    usual_detector = TorchvisionDetector(detector._network, detector.input_size, detector.class_names, 8, "cpu")
    [one], [other] = detect(detector, [pixels]), detect(usual_detector, [pixels])
    assert np.isfinite(one.features).all() and not np.array_equal(one.features, other.features)
    usual_resnet = PyramidExtractor(resnet._network, "cpu")
    one, other = (net.extract_prepared([net.prepare(pixels)], [one.boxes[:0]]) for net in (resnet, usual_resnet))
    assert cosine(one.ravel(), other.ravel()) > 0.999 and not np.array_equal(one, other)


def test_a_device_without_bfloat16_is_refused_before_anything_is_written(
    usual: ExtractSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_CPU_FLAGS", frozenset({"no such flag"}))
    out = usual.out.parent / "refused"
    with pytest.raises(UserError, match=r"(?s)--precision bfloat16: this machine's cpu does not .*--device"):
        extract_photos(replace(usual, out=out, precision="bfloat16"))
    assert not out.exists()
    spec = FeatureSpec(DetectorSpec("no:such", precision="bfloat16"), EncoderSpec(precision="bfloat16"), 3)
    with pytest.raises(UserError, match="does not compute in bfloat16"):  # a worker's own look
        spec.build_networks("cpu")
    precision.check_precision("float32", "cpu")
