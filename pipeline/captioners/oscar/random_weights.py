"""Oscar with random weights, asked for by name: the real architecture and a vocabulary of its own, for a try."""

import re
import string
from collections.abc import Iterable

import torch
from torch import nn
from transformers import BertTokenizer

from dgf.pipeline.captioners.oscar.checkpoint import SPECIAL, OscarCheckpoint, make_tokenizer
from dgf.pipeline.captioners.oscar.network import Oscar, OscarConfig

COMMON = """
a an the of on in at to and with is are was it its his her their this that two three four some many several few
group pair front back top side next near over under down up by through from behind between around man woman boy
girl child people person men women kid player crowd team standing sitting walking running riding holding looking
playing eating flying wearing driving jumping laying sleeping watching talking smiling posing street road field
grass beach water sky tree trees building house room table wall window door sign stage game ball uniform shirt
suit hat dress red blue green white black brown yellow large small young old night day
"""
"""Words that captions are often made of; with a detector's class names they are the vocabulary."""


def small_vocabulary(class_names: Iterable[str]) -> list[str]:
    """List a WordPiece vocabulary: special words, characters and their continuations, common words, the classes'."""
    characters = string.digits + string.ascii_lowercase
    named = re.findall(r"[a-z0-9]+", " ".join(class_names).lower())
    pieces = [*SPECIAL, *string.punctuation, *characters, *(f"##{c}" for c in characters), *COMMON.split(), *named]
    return list(dict.fromkeys(pieces))


def random_checkpoint(seed: int, tokenizer: BertTokenizer, region_width: int, **sizes: float) -> OscarCheckpoint:
    """Build the real architecture and draw its weights from `seed`.

    A region has `region_width` values; `sizes` are other fields of `OscarConfig`, where it is not of base size.
    """
    settings = {"vocab_size": len(tokenizer), "img_feature_dim": region_width, "tie_weights": True, **sizes}
    config = OscarConfig.from_mapping(settings)
    model = Oscar(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                module.weight.normal_(0.0, config.initializer_range, generator=generator)
            if isinstance(module, nn.Linear) and module.bias is not None:
                module.bias.zero_()
    return OscarCheckpoint(model.eval(), tokenizer, "2021")


def random_captioner(seed: int, class_names: Iterable[str], region_width: int) -> OscarCheckpoint:
    """What `--oscar random:SEED` stands for, given what the detector gives."""
    return random_checkpoint(seed, make_tokenizer(small_vocabulary(class_names)), region_width)
