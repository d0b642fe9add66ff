"""HVPNeT: a BERT whose every layer attends to a visual prefix, gated from the four stages of a ResNet-50.

The prefix comes from the photo and its three best object crops. The original took crops that were grounded in each
row's mentions, of which their number alone tells the label: here they are the same for every row of a photo.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgf.model.attention import Memory, Piece
from dgf.model.backbone import Backbone
from dgf.model.baselines.configs import HVPNeTConfig
from dgf.model.baselines.output import PairScores, ParameterGroups, cross_entropy, group_parameters, score_logits
from dgf.model.baselines.sentence import SentenceEncoder, states_at_starts
from dgf.model.batch import Batch
from dgf.model.errors import ModelError
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel

CELLS = 4
"""Of the 2x2 maps that each stage is pooled to; as many slots are made of a picture."""
PARTS = 4
"""What a slot is expanded to, for each layer's gate to mix."""


class VisualPrefix(nn.Module):
    """Pyramids to the keys and values that stand before the sentence in each layer.

    Args:
        config: Its keys.
        backbone: Whose layers they are for: L layers of G heads of keys, each of D numbers.
        pyramid: Numbers of a picture's pyramid, 4 C.

    Raises:
        ModelError: The language model reads no keys but its own.
    """

    def __init__(self, config: HVPNeTConfig, backbone: Backbone, pyramid: int) -> None:
        super().__init__()
        if not (backbone.over_memory or backbone.own_attention):
            raise ModelError(f"hvpnet puts keys before a sentence, and the attention of {backbone.kind} takes none")
        about = backbone.model.config
        heads = int(about.num_attention_heads)
        self.heads = int(getattr(about, "num_key_value_heads", None) or heads)
        self.width = self.heads * int(getattr(about, "head_dim", None) or about.hidden_size // heads)  # of a key, G D
        self.slots, self.head_layout = config.slots, config.head_layout
        self.reduce = nn.Linear(pyramid // CELLS, config.prefix_hidden)
        self.expand = nn.Linear(config.prefix_hidden, PARTS * 2 * self.width)
        gates = (nn.Linear(CELLS * 2 * self.width, PARTS) for _ in range(backbone.layer_count))
        self.gates = nn.ModuleList(gates)

    def forward(self, pyramids: Tensor) -> Memory:
        """Make (B, V, 4 C) pyramids of V pictures what every layer has read before: 4 V positions."""
        parts = self.expand_slots(self.as_slots(pyramids))
        return Memory([{layer: self._read_in(layer, parts) for layer in range(len(self.gates))}])

    def as_slots(self, pyramids: Tensor) -> Tensor:
        """Cut each picture's maps, (B, V, C times 4 cells), into four slots: (B, V, 4, C)."""
        if self.slots == "by-cell":
            return pyramids.reshape(*pyramids.shape[:2], -1, CELLS).transpose(2, 3)
        return pyramids.reshape(*pyramids.shape[:2], CELLS, -1)

    def expand_slots(self, slots: Tensor) -> Tensor:
        """Expand (B, V, 4 slots, C) to four parts of a key and a value: (B, V, 4 slots, 4 parts, 2 G D)."""
        expanded: Tensor = self.expand(self.reduce(slots.to(self.reduce.weight.dtype)).tanh())  # shards hold float16
        return expanded.reshape(*expanded.shape[:3], PARTS, -1)

    def weigh_parts(self, layer: int, parts: Tensor) -> Tensor:
        """Return what a layer's gate gives each part of a picture, from all its slots: (B, V, 4 parts)."""
        scores: Tensor = self.gates[layer](parts.mean(3).flatten(2))
        return F.leaky_relu(scores).softmax(-1)

    def _read_in(self, layer: int, parts: Tensor) -> tuple[Piece, Piece]:
        """Mix the parts of every slot into a layer's keys and values, (B, G, 4 V, D) each."""
        mixed = (self.weigh_parts(layer, parts)[:, :, None, None] @ parts).squeeze(3)  # (B, V, 4 slots, 2 G D)
        key, value = (half.flatten(1, 2) for half in mixed.split(self.width, 3))  # (B, 4 V, G D)
        return Piece(self._by_head(key)), Piece(self._by_head(value))

    def _by_head(self, states: Tensor) -> Tensor:
        """Share (B, 4 V, G D) among the heads: (B, G, 4 V, D)."""
        rows, positions, width = states.shape
        if self.head_layout == "transposed":
            return states.reshape(rows, positions, self.heads, -1).transpose(1, 2)
        return states.reshape(rows, self.heads, positions, width // self.heads)


class HVPNeT(nn.Module):
    """BERT over the sentence with the prefix: logits = W [h_head; h_tail] + b, from the states at the opening markers.

    A row without a photo has no prefix, and is read as by the same BERT alone.

    Args:
        config: Its keys.
        labels: The relations.
        language_model: Trained as a whole.
        object_dim: Not read.
        block_shape: Pictures of a photo, and numbers of each one's pyramid; None where no photo will ever come.
    """

    def __init__(
        self,
        config: HVPNeTConfig,
        labels: LabelSpace,
        language_model: LanguageModel,
        object_dim: int = 0,
        block_shape: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.labels, self.language_model = config, labels, language_model
        self.object_dim, self.block_shape = object_dim, block_shape
        with torch.random.fork_rng(devices=[]):  # the new weights depend on the key alone
            torch.manual_seed(config.seed)
            self.sentence = SentenceEncoder(language_model)
            self.classifier = nn.Linear(2 * language_model.width, len(labels.relations))
            self.prefix = None if block_shape is None else VisualPrefix(config, self.sentence.backbone, block_shape[1])
        self.classifier.requires_grad_(config.train_classifier)

    def forward(self, batch: Batch) -> PairScores:
        """Score every relation for every row, (B, R)."""
        return score_logits(self.classifier(states_at_starts(self.read(batch), batch.spans)))

    def read(self, batch: Batch) -> Tensor:
        """Return the last states of the sentences, (B, L, N)."""
        memory, there = None, None
        if self.prefix is not None and batch.has_image:
            assert batch.blocks is not None and batch.image_mask is not None
            memory = self.prefix(batch.blocks)
            there = batch.image_mask.unsqueeze(1).expand(-1, CELLS * batch.blocks.shape[1])  # (B, 4 V)
        states: Tensor = self.sentence(batch.tokens, batch.token_mask, memory, there)
        return states

    def loss(self, output: PairScores, batch: Batch) -> Mapping[str, Tensor]:
        """Return the mean cross-entropy."""
        return cross_entropy(output, batch)

    def parameter_groups(self) -> ParameterGroups:
        """Return the trainable weights of the language model, the new ones, and no temperatures."""
        return group_parameters(self, self.sentence.backbone)
