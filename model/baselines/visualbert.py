"""VisualBERT: a BERT that reads the detected objects as further positions of the sentence; it is transformers' own.

No code and no head for these relations was published: that it is read at the opening markers is our choice. It starts
from a BERT, since its own pre-trained weights want the features of another detector.
"""

from collections.abc import Mapping
from dataclasses import fields

import torch
from torch import Tensor, nn
from transformers import VisualBertConfig, VisualBertModel

from dgf.model.baselines.configs import VisualBERTConfig
from dgf.model.baselines.mtb import MARKERS
from dgf.model.baselines.output import PairScores, ParameterGroups, cross_entropy, group_parameters, score_logits
from dgf.model.baselines.sentence import check_length, embed_marked, start_markers, states_at_starts
from dgf.model.batch import Batch
from dgf.model.errors import ModelError
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel


class VisualBERT(nn.Module):
    """BERT over words and objects: logits = W drop([h_head; h_tail]) + b. Without objects it is exactly BERT.

    Args:
        config: Its keys.
        labels: The relations.
        language_model: A BERT; trained as a whole.
        object_dim: D of the objects; 0 where none will ever come.
        block_shape: Not read.

    Raises:
        ModelError: The language model is no BERT.
    """

    def __init__(
        self,
        config: VisualBERTConfig,
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
            self.encoder = _on_bert(language_model, object_dim)
            self.markers = start_markers(language_model, MARKERS)
            self.classifier = nn.Linear(2 * language_model.width, len(labels.relations))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, batch: Batch) -> PairScores:
        """Score every relation for every row, (B, R)."""
        pair = states_at_starts(self.read(batch), batch.spans)  # (B, 2 N)
        return score_logits(self.classifier(self.dropout(pair)))

    def read(self, batch: Batch) -> Tensor:
        """Return the last states of the words, then of the objects where the batch has any: (B, L + K, N)."""
        about = self.encoder.config
        check_length(batch.tokens.shape[1], about.max_position_embeddings, self.language_model.kind)
        words = self.encoder.embeddings.word_embeddings
        seen = {
            "inputs_embeds": embed_marked(batch.tokens, words, about.vocab_size, self.markers),
            "position_ids": (batch.token_mask.cumsum(1) - 1).clamp(min=0),
            "attention_mask": batch.token_mask,
        }
        if self.object_dim and batch.has_objects:
            assert batch.objects is not None and batch.object_mask is not None
            seen["visual_embeds"] = batch.objects.to(self.markers.dtype)  # shards hold float16
            seen["visual_attention_mask"] = batch.object_mask
            seen["visual_token_type_ids"] = torch.ones_like(batch.object_mask, dtype=torch.int64)
        states: Tensor = self.encoder(**seen).last_hidden_state
        return states

    def loss(self, output: PairScores, batch: Batch) -> Mapping[str, Tensor]:
        """Return the mean cross-entropy."""
        return cross_entropy(output, batch)

    def parameter_groups(self) -> ParameterGroups:
        """Return the trainable weights of the language model, the new ones, and no temperatures."""
        return group_parameters(self, self.language_model.model)


def _on_bert(language_model: LanguageModel, object_dim: int) -> VisualBertModel:
    """Build VisualBERT of a BERT's own weights, not copies; what is new for objects starts as its authors' does."""
    if language_model.kind != "bert":
        raise ModelError(
            f"visualbert is built on a BERT, and {language_model.spec} is a {language_model.kind} model; name a BERT, "
            "such as language_model=bert-base-uncased or a folder"
        )
    bert = language_model.model.requires_grad_(True)
    sizes = {field.name for field in fields(VisualBertConfig)} - {"model_type"}
    same = {name: value for name, value in bert.config.to_dict().items() if name in sizes}
    # one number wide where no objects will ever come: transformers has no VisualBERT without a projection
    encoder = VisualBertModel(
        VisualBertConfig(**{**same, "visual_embedding_dim": max(1, object_dim)}), add_pooling_layer=False
    )
    for name, weight in bert.named_parameters():
        place, _, leaf = name.rpartition(".")
        setattr(encoder.get_submodule(place), leaf, weight)
    embeddings = encoder.embeddings
    with torch.no_grad():
        embeddings.visual_token_type_embeddings.weight.copy_(embeddings.token_type_embeddings.weight)
        embeddings.visual_position_embeddings.weight.copy_(embeddings.position_embeddings.weight)
    return encoder
