"""The Oscar captioning network: BERT that reads caption, tags and regions (Li et al. 2020; DGF-PT section 4.2).

Parameter names are those of the published checkpoints (`bert.embeddings...`, `cls.predictions...`). The blocks are
transformers' BERT parts; how they attend is our own, because a cache for beams must decide which rows see which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig
from transformers.activations import ACT2FN
from transformers.models.bert.modeling_bert import (
    BertAttention,
    BertEmbeddings,
    BertIntermediate,
    BertOutput,
    BertPooler,
    BertPredictionHeadTransform,
)

HIDDEN = -10000.0  # what the published mask adds where a row must not look


@dataclass(frozen=True)
class OscarConfig:
    """Sizes and switches of a checkpoint's `config.json`; the defaults are the base model's.

    A region has `img_feature_dim` values: detector features and six of its box. `use_img_layernorm` normalizes them
    after their projection; `tie_weights` makes the output projection the word embedding; the 2020 layout has no
    `output_bias`; `initializer_range` is the deviation of random weights.
    """

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    img_feature_dim: int = 2054
    use_img_layernorm: bool = False
    img_layer_norm_eps: float = 1e-12
    tie_weights: bool = False
    output_bias: bool = True
    initializer_range: float = 0.02

    def __post_init__(self) -> None:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}"
            )
        if self.hidden_act not in ACT2FN:
            raise ValueError(f"hidden_act {self.hidden_act!r} is not known to transformers")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "OscarConfig":
        """Read the keys it knows from a checkpoint's `config.json`; training-time keys are ignored.

        Raises:
            ValueError: A key has the wrong type, or the sizes do not go together.
        """
        chosen: dict[str, Any] = {}
        for field in fields(cls):
            if field.name not in values or values[field.name] is None:
                continue
            value, default = values[field.name], field.default
            if isinstance(default, bool):
                if value not in (0, 1):
                    raise ValueError(f"{field.name} must be true or false, not {value!r}")
                value = bool(value)
            elif isinstance(default, int) and (type(value) is not int or value < 1):
                raise ValueError(f"{field.name} must be a positive whole number, not {value!r}")
            elif isinstance(default, float) and type(value) not in (int, float):
                raise ValueError(f"{field.name} must be a number, not {value!r}")
            elif isinstance(default, float):
                value = float(value)
            elif isinstance(default, str) and type(value) is not str:
                raise ValueError(f"{field.name} must be text, not {value!r}")
            chosen[field.name] = value
        return cls(**chosen)

    def bert(self) -> BertConfig:
        """The configuration that transformers' BERT parts read; dropout is off, since this network only infers."""
        return BertConfig(**asdict(self), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


class Layer(nn.Module):
    """One BERT layer, whose keys and values can come from elsewhere."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = BertAttention(config)
        self.intermediate = BertIntermediate(config)
        self.output = BertOutput(config)
        self.heads = config.num_attention_heads

    def _split(self, rows: Tensor) -> Tensor:
        parts = rows.view(*rows.shape[:2], self.heads, -1)
        return parts.transpose(1, 2)  # (B, heads, T, H / heads)

    def keys_values(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of rows (B, T, H), each (B, heads, T, H / heads)."""
        own = self.attention.self
        return self._split(own.key(rows)), self._split(own.value(rows))

    def forward(self, rows: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Rows (B, T, H) look at keys (B, heads, S, .); a mask, broadcast to (B, heads, T, S), is added to scores."""
        query = self._split(self.attention.self.query(rows))
        mixed = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)  # (B, heads, T, H / heads)
        attended = self.attention.output(mixed.transpose(1, 2).flatten(2), rows)
        result: Tensor = self.output(self.intermediate(attended), attended)
        return result  # (B, T, H)


class _Trunk(nn.Module):
    def __init__(self, config: OscarConfig) -> None:
        super().__init__()
        bert = config.bert()
        self.embeddings = BertEmbeddings(bert)
        del self.embeddings.position_ids, self.embeddings.token_type_ids  # `embed_words` is always given both
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer(bert) for _ in range(bert.num_hidden_layers))})
        self.pooler = BertPooler(bert)  # in every checkpoint, and read by no caption
        self.img_embedding = nn.Linear(config.img_feature_dim, config.hidden_size)
        if config.use_img_layernorm:
            self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.img_layer_norm_eps)


class _Predictions(nn.Module):
    def __init__(self, config: OscarConfig) -> None:
        super().__init__()
        self.transform = BertPredictionHeadTransform(config.bert())
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size)) if config.output_bias else None


class Oscar(nn.Module):
    """Oscar for captions: embeddings of words and regions, BERT layers, and a head that names the next word."""

    def __init__(self, config: OscarConfig) -> None:
        super().__init__()
        self.config = config
        self.bert = _Trunk(config)
        head = _Predictions(config)
        if config.tie_weights:
            head.decoder.weight = self.bert.embeddings.word_embeddings.weight
        self.cls: Any = nn.ModuleDict({"predictions": head})

    @property
    def layers(self) -> Sequence[Layer]:
        """The layers, first to last."""
        return cast(Sequence[Layer], self.bert.encoder["layer"])

    def embed_words(self, tokens: Tensor, positions: Tensor, segments: Tensor) -> Tensor:
        """Word, position and segment embeddings of tokens (B, T), as (B, T, H)."""
        rows: Tensor = self.bert.embeddings(input_ids=tokens, position_ids=positions, token_type_ids=segments)
        return rows

    def embed_regions(self, regions: Tensor) -> Tensor:
        """Regions (B, R, img_feature_dim) as rows (B, R, H): no position, no segment."""
        rows: Tensor = self.bert.img_embedding(regions.to(self.bert.img_embedding.weight.dtype))
        return self.bert.LayerNorm(rows) if self.config.use_img_layernorm else rows

    def words(self, rows: Tensor) -> Tensor:
        """Scores of every word, (..., V), for rows (..., H)."""
        head = self.cls.predictions
        logits: Tensor = head.decoder(head.transform(rows))
        return logits if head.bias is None else logits + head.bias


def additive(sees: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where `sees` is true, -10000 where it is not."""
    return torch.zeros(sees.shape, dtype=dtype, device=sees.device).masked_fill_(~sees.bool(), HIDDEN)
