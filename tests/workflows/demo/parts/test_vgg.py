"""The demo's VGG16: how it is trained, and what the blocks of the weights in the repository tell."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from dgf.pipeline.encoders import EncoderSpec, build_photo_encoder
from dgf.pipeline.encoders.vgg import vgg_layers
from dgf.workflows.demo.parts import vgg as training
from dgf.workflows.demo.world import WORLD_CLASSES, Scene, Thing


def test_its_blocks_tell_which_kinds_are_in_photos_it_never_saw() -> None:
    built = build_photo_encoder(EncoderSpec("vgg16", str(training.VGG_WEIGHTS)), "cpu")
    assert built.block_shape[1] == training.WIDTHS[-1]
    assert training.probe_precision(built, learn=250, photos=80) >= 0.7


def test_it_is_small() -> None:
    assert training.VGG_WEIGHTS.stat().st_size < 2_000_000


def test_merged_norms_change_nothing_that_shows(tmp_path: Path) -> None:
    features = vgg_layers((2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6), batch_norm=True)
    for layer in features:
        if isinstance(layer, torch.nn.BatchNorm2d):  # as training leaves them
            for values in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                assert values is not None
                torch.nn.init.uniform_(values, 0.5, 1.5)
    training.save_merged(features, tmp_path / "model.safetensors")
    built = build_photo_encoder(EncoderSpec("vgg16", str(tmp_path / "model.safetensors")), "cpu")
    pixels = torch.randint(0, 256, (1, 224, 224, 3), dtype=torch.uint8)
    with torch.inference_mode():
        wanted = features.eval()(built.normalize(pixels)).flatten(2).transpose(1, 2)
    found = torch.from_numpy(built.extract_prepared([pixels[0].numpy()]).blocks)
    torch.testing.assert_close(found, wanted, rtol=0.02, atol=0.02 * float(wanted.abs().max()))  # float16 on disk


def test_labels_say_what_is_visible_and_where() -> None:
    def thing(kind: str, box: tuple[float, float, float, float], visible: float = 1.0) -> Thing:
        return Thing(kind, box, (), 0, visible=visible)

    things = (thing("dog", (0, 0, 170, 70)), thing("cat", (70, 0, 140, 70), 0.1), thing("ball", (690, 340, 699, 349)))
    labels = training.label_scenes([Scene("park", "day", (700, 350), 0, things)])
    dog, ball = (WORLD_CLASSES.index(kind) for kind in ("dog", "ball"))
    assert labels.kinds[0].nonzero().flatten().tolist() == sorted([dog, ball])
    grid = labels.at_blocks[0].view(7, 7, -1)
    assert grid[..., dog].nonzero().tolist() == [[0, 0], [0, 1]]
    assert grid[..., ball].nonzero().tolist() == [[6, 6]]


def test_a_few_steps_of_training_leave_weights_that_load(tmp_path: Path) -> None:
    lines: list[str] = []
    training.train_vgg(tmp_path, lines.append, photos=32)
    assert len(lines) == 1 and "step 2 of 2" in lines[0]
    state = load_file(tmp_path / "model.safetensors")
    assert {value.dtype for value in state.values()} == {torch.float16} and len(state) == 26
    assert build_photo_encoder(EncoderSpec("vgg16", str(tmp_path / "model.safetensors")), "cpu").block_shape[1] == 128
