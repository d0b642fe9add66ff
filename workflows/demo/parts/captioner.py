"""The demo's captioner: a small Oscar, trained to describe scenes from the regions that the demo's detector finds.

`python -m dgf.workflows.demo.parts.captioner OUT` makes it again.
"""

import logging
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import BertTokenizer

from dgf.pipeline.captioners import CaptionInput
from dgf.pipeline.captioners.oscar import (
    Oscar,
    OscarCheckpoint,
    build_context,
    make_tokenizer,
    random_checkpoint,
    small_vocabulary,
)
from dgf.pipeline.detectors import Detector, DetectorSpec, build_detector
from dgf.pipeline.files import write_atomic, write_json
from dgf.pipeline.jobs.rows import box_features
from dgf.pipeline.shards import to_float16
from dgf.workflows.demo.parts.descent import descend
from dgf.workflows.demo.parts.detector import DETECTOR_FOLDER
from dgf.workflows.demo.parts.photos import DrawnPhoto, drawn_photos
from dgf.workflows.demo.parts.rebuild import rebuild
from dgf.workflows.demo.world import WORLD_CLASSES, describe

CAPTIONER = Path(__file__).with_name("weights") / "captioner"
"""Where the trained one lies."""

CAPTION_LENGTH = 26
"""What the longest description takes in word pieces, with its start and its end."""

SCENE_SEED, HELD_OUT_SCENE_SEED = 1_000_000, 2_000_000
"""Of the scenes that train and measure it; the detector has learned from others, and is surer of those."""

REGIONS_SHOWN = 10
"""Of a photo that it learns from."""

_SIZES = {
    "hidden_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "max_position_embeddings": 96,
    "use_img_layernorm": True,
    "initializer_range": 0.06,
}
_SCENES, _EPOCHS, _ROWS, _RATE = 2400, 16, 16, 2e-3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Example:
    """What a captioner reads of a photo, and what it should say."""

    shown: CaptionInput
    caption: str


def train_captioner(out: Path, scenes: int = _SCENES) -> None:
    """Train a captioner and write it as Oscar's checkpoints are, in float16.

    Args:
        out: Folder, of which files of the same names are replaced.
        scenes: How many photos it learns from.
    """
    detector = load_regions()
    examples = []
    for photo in islice(drawn_photos(SCENE_SEED), scenes):
        examples.append(Example(read_photo(photo, detector), describe(photo.scene)))
        if len(examples) % 200 == 0:
            _log.info("%d of %d photos drawn and read", len(examples), scenes)
    save_captioner(fit_captioner(examples, _EPOCHS), out)


def load_regions() -> Detector:
    """Load the demo's detector, to keep as many regions as the captioner learns from."""
    config, weights = (str(DETECTOR_FOLDER / name) for name in ("config.yaml", "model.safetensors"))
    return build_detector(DetectorSpec(f"detectron2:{config}", weights, REGIONS_SHOWN), "cpu")


def read_photo(photo: DrawnPhoto, detector: Detector) -> CaptionInput:
    """Read a photo as `dgf extract-features` and `dgf caption` read it."""
    (found,) = detector.detect_prepared([detector.prepare(photo.pixels)])
    height, width = photo.pixels.shape[:2]
    boxes = box_features(found.boxes, (height, width)).astype(np.float16)
    tags = tuple(detector.class_names[kind] for kind in found.classes)
    regions = np.concatenate([to_float16(found.features), boxes], axis=1)
    return CaptionInput(("drawn",), regions, tags, lambda: photo.pixels)


def fit_captioner(examples: Sequence[Example], epochs: int) -> OscarCheckpoint:
    """Train on examples, in a random order in each epoch."""
    words = sorted({word for example in examples for word in re.findall(r"[a-z]+", example.caption)})
    tokenizer = make_tokenizer(small_vocabulary((*WORLD_CLASSES, *words)))
    checkpoint = random_checkpoint(0, tokenizer, examples[0].shown.regions.shape[1], **_SIZES)
    batches = -(-len(examples) // _ROWS)
    losses = (caption_loss(checkpoint.model, tokenizer, batch) for batch in draw_batches(examples, epochs))
    for step, mean in descend(checkpoint.model, losses, epochs * batches, _RATE, every=batches, betas=(0.9, 0.999)):
        _log.info("epoch %d of %d: loss %.3f", step // batches, epochs, mean)
    return checkpoint


def draw_batches(examples: Sequence[Example], epochs: int) -> Iterator[Sequence[Example]]:
    """Draw each example once an epoch."""
    rng = random.Random(0)
    for _ in range(epochs):
        order = rng.sample(examples, len(examples))
        yield from (order[start : start + _ROWS] for start in range(0, len(order), _ROWS))


def caption_loss(model: Oscar, tokenizer: BertTokenizer, batch: Sequence[Example]) -> Tensor:
    """Compute Oscar's masked-language-model loss over captions, as captions are decoded.

    Decoding asks a [MASK] in the position after the last word. So each word of a caption, and its end, is asked of
    a [MASK] in its position, which sees the words before it; words see those before them; tags and regions see one
    another. All masks of a caption are in one pass, where no row sees any of them but itself.
    """
    context = build_context([example.shown for example in batch], tokenizer, CAPTION_LENGTH, torch.device("cpu"))
    captions = [torch.tensor(tokenizer(example.caption)["input_ids"]) for example in batch]  # [CLS] ... [SEP]
    words = pad_sequence(captions, batch_first=True, padding_value=tokenizer.pad_token_id)  # (B, L)
    rows, length = words.shape
    there, positions = words != tokenizer.pad_token_id, torch.arange(length).expand(rows, -1)

    # The rows: tags and regions, all words but the last, and a mask for all but the first.
    hidden = torch.cat(
        [
            model.embed_words(context.tags, context.positions, context.segments),
            model.embed_regions(context.regions),
            model.embed_words(
                torch.cat([words[:, :-1], torch.full_like(words[:, 1:], tokenizer.mask_token_id)], dim=1),
                torch.cat([positions[:, :-1], positions[:, 1:]], dim=1),
                words.new_zeros(rows, 2 * (length - 1)),
            ),
        ],
        dim=1,
    )  # (B, C + 2 (L - 1), H)

    # Which of them see which.
    size, count = context.mask.shape[1], length - 1
    sees = torch.zeros(rows, size + 2 * count, size + 2 * count, dtype=torch.bool)
    sees[:, :, :size] = context.mask[:, None]
    before = torch.ones(count, count, dtype=torch.bool).tril()
    sees[:, size:, size : size + count] = before.repeat(2, 1)
    sees[:, size + count :, size + count :] = torch.eye(count, dtype=torch.bool)
    for layer in model.layers:
        hidden = layer(hidden, *layer.keys_values(hidden), sees.unsqueeze(1))
    asked = there[:, 1:]
    return F.cross_entropy(model.words(hidden[:, size + count :][asked]), words[:, 1:][asked])


def save_captioner(checkpoint: OscarCheckpoint, out: Path) -> None:
    """Write `config.json`, `vocab.txt` and `model.safetensors`; the head's matrix is that of the embeddings."""
    out.mkdir(parents=True, exist_ok=True)
    head = checkpoint.model.cls.predictions.decoder.weight
    weights = {
        name: value.detach().half().contiguous()
        for name, value in checkpoint.model.state_dict().items()
        if not (name.startswith("cls.") and value.data_ptr() == head.data_ptr())
    }
    write_json(out / "config.json", asdict(checkpoint.model.config))
    vocabulary: dict[str, int] = checkpoint.tokenizer.get_vocab()
    words = sorted(vocabulary, key=lambda word: vocabulary[word])
    write_atomic(out / "vocab.txt", "".join(f"{word}\n" for word in words).encode())
    save_file(weights, out / "model.safetensors")


if __name__ == "__main__":
    rebuild("captioner", train_captioner)
