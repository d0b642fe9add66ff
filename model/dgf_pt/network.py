"""The whole network of DGF-PT (section 4)."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from dgf.model.backbone import Backbone
from dgf.model.batch import Batch
from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.dgf_pt.decoder import Branch, GenerativeDecoder
from dgf.model.dgf_pt.encoder import EncodedStages, Part, encode
from dgf.model.dgf_pt.fusion import DualGatedFusion, Gates
from dgf.model.dgf_pt.inputs import Prefix, Relevance, TextInput, VisualInput, place_objects
from dgf.model.dgf_pt.objective import DGFOutput, joint_objective
from dgf.model.errors import ModelError
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel
from dgf.model.pooling import in_spans, masked_mean, normalized, span_mean


class DGF(nn.Module):
    """Prompt-based autoregressive encoder, dual-gated fusion and generative decoder.

    Args:
        config: Its keys.
        labels: Relations and entity types.
        language_model: From `load_language_model`. It becomes part of the network: trained with `plm: full`,
            given adapters with `lora`, left as it is with `frozen`.
        object_dim: D of the objects' features; 0 where no objects will ever come.
        block_shape: (M, C) of the image's blocks, (1, 4096) for fc7; None where no image will ever come.
    """

    def __init__(
        self,
        config: ModelConfig,
        labels: LabelSpace,
        language_model: LanguageModel,
        object_dim: int = 0,
        block_shape: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.labels, self.language_model = config, labels, language_model
        self.object_dim = object_dim
        self.block_shape = None if block_shape is None else (int(block_shape[0]), int(block_shape[1]))
        width = language_model.width
        scale = float(language_model.embeddings.detach().float().std())
        _prepare(language_model, config)
        self.backbone = Backbone(language_model.transformer)
        with torch.random.fork_rng(devices=[]):  # the new weights depend on the key alone
            torch.manual_seed(config.seed)
            self.text_input = TextInput(width, scale, config.markers)
            self.object_input = VisualInput(object_dim, width, scale) if object_dim else None
            self.image_input: VisualInput | None = None
            if self.block_shape is not None:
                parts = config.image_blocks if config.image_features == "fc7" else 1
                self.image_input = VisualInput(self.block_shape[1], width, scale, parts)
            self.object_prefix: Prefix | None = None
            self.relevance: Relevance | None = None
            if config.object_prefix != "none":  # P_o, "Consider <o_e1> <o_e2>, predict relation."
                self.object_prefix = Prefix(language_model, (), config, scale, slots=bool(object_dim))
                self.relevance = Relevance(config.temperature) if object_dim else None
            self.entity_prefix: Prefix | None = None
            if config.entity_prefix != "none":  # P_e, "Consider <e1, e2>, predict relation."
                comma = language_model.pattern["comma"]
                self.entity_prefix = Prefix(language_model, comma, config, scale, slots=True)
            objects, image = bool(object_dim), block_shape is not None
            self.fusion = DualGatedFusion(config, width, objects=objects, image=image) if config.fusion else None
            self.decoder = GenerativeDecoder(config, labels, language_model, scale, image=image)
        self.train(self.training)

    @property
    def captions_change(self) -> bool:
        """Whether training changes how captions are read: not with a frozen language model."""
        return self.config.plm != "frozen"

    def train(self, mode: bool = True) -> "DGF":
        """Keep a frozen language model in evaluation mode: what cannot learn needs no dropout."""
        super().train(mode)
        if self.config.plm == "frozen":
            self.backbone.eval()
        return self

    def parameter_groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
        """Return the trainable parameters of the language model (adapters with `lora`), the new layers', temperatures.

        With `states: raw` the temperatures are among the new layers'.
        """
        apart = self.config.states == "normalized"
        inside = {id(parameter) for parameter in self.backbone.parameters()}
        groups: tuple[list[nn.Parameter], ...] = ([], [], [])
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                temperature = apart and name.endswith("log_temperature")
                groups[0 if id(parameter) in inside else 2 if temperature else 1].append(parameter)
        return groups[0], groups[1], groups[2]

    @torch.no_grad()
    def encode_captions(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Average the language model's states of each caption, h_i2t of eq. 8; no gradient, no dropout.

        With a frozen language model this is done once for each image; otherwise `Batch.caption_tokens` has it done
        in every forward.

        Args:
            tokens: (B, C) int64.
            mask: (B, C) bool; an empty caption gives zeros.
        """
        before = self.backbone.training
        self.backbone.eval()
        inputs = self.backbone.embed(tokens.clamp(max=self.backbone.vocab_size - 1))
        hidden = encode(self.backbone, [[Part("caption", inputs, mask)]]).hidden["caption"]
        self.backbone.train(before)
        return masked_mean(hidden, mask)

    def forward(self, batch: Batch, *, staged: bool = False) -> DGFOutput:
        """Score every relation for every row.

        Args:
            batch: B rows. Its relations, type targets and sentences are not read.
            staged: Feed the stages one after another with a cache (eq. 1 to 3) instead of in one pass.
        """
        if self.training and self.config.photo_dropout:
            batch = _drop_photos(batch, self.config.photo_dropout)
        context, gates = self._encode(batch, staged)
        text = self._scaled(context.hidden["text"])
        objects = self._seen(context, "objects", batch.object_mask)
        image = self._seen(context, "image", batch.image_mask)
        caption = self._caption(batch)
        fused = text
        if self.fusion is not None and (objects is not None or image is not None or caption is not None):
            fused, found = self.fusion(text, objects, image, caption)
            found.relevance = gates.relevance
            gates = found
        pooled_image = None
        if image is not None:
            blocks, there = image
            pooled_image = masked_mean(blocks, there.unsqueeze(1).expand(-1, blocks.shape[1]))
        pooled, pooled_fused = masked_mean(text, batch.token_mask), masked_mean(fused, batch.token_mask)
        branches = [Branch(span_mean(fused, batch.spans), pooled_fused, pooled_image)]
        if fused is not text:
            branches.append(Branch(span_mean(text, batch.spans), pooled, None))
        given = batch.given_types if self.config.entity_types in ("file", "gold") else None
        decoded = self.decoder(self.backbone, context, branches, given)
        return DGFOutput(
            log_probs=decoded[0].relations,
            log_probs_text=decoded[-1].relations,
            type_log_probs=decoded[0].types,
            text=pooled,
            fused=pooled_fused,
            gates=gates,
            spans=batch.spans,
        )

    def loss(self, output: DGFOutput, batch: Batch) -> dict[str, Tensor]:
        """Return the joint objective of what `forward` said of the batch (eq. 14), and its parts."""
        return vars(joint_objective(output, batch, self.config))

    def _encode(self, batch: Batch, staged: bool) -> tuple[EncodedStages, Gates]:
        """Run the initial representations, prefixes and the three stages (4.1)."""
        gates = Gates()
        rows = len(batch)
        text = self.text_input(batch.tokens, self.backbone)
        parts: dict[str, Part] = {"text": Part("text", text, batch.token_mask)}
        if self.object_input is not None and batch.has_objects:
            parts["objects"] = Part("objects", self.object_input(_given(batch.objects)), _given(batch.object_mask))
        if self.image_input is not None and batch.has_image:
            blocks = self.image_input(_given(batch.blocks))
            there = _given(batch.image_mask).unsqueeze(1)
            parts["image"] = Part("image", blocks, there.expand(-1, blocks.shape[1]))
        everywhere = torch.ones(rows, dtype=torch.bool, device=text.device)
        words = batch.tokens < self.backbone.vocab_size  # markers, alike in every row, would drown the mention
        if batch.mention_objects is not None and "objects" in parts:
            at, seen = in_spans(batch.spans, text.shape[1]) & words.unsqueeze(1), parts["objects"]
            text = place_objects(text, at, batch.mention_objects, seen.inputs, seen.valid)
            parts["text"] = Part("text", text, batch.token_mask)
        entities = span_mean(text, batch.spans, words)  # (B, 2, N), T[e1] and T[e2]
        prefixes: list[tuple[Any, Part]] = []
        if self.object_prefix is not None:
            filling, filled = None, everywhere
            if self.relevance is not None and "objects" in parts:
                seen = parts["objects"]
                filling, gates.relevance = self.relevance(entities, seen.inputs, seen.valid)
                filled = seen.valid.any(1)
            vectors, valid = self.object_prefix(filling, filled, rows)
            deep = self.object_prefix.deep(filling is not None)
            prefixes.append((self.config.object_prefix, Part("object_prefix", vectors, valid, deep)))
        if self.entity_prefix is not None:
            vectors, valid = self.entity_prefix(entities, everywhere, rows)
            deep = self.entity_prefix.deep(True)
            prefixes.append((self.config.entity_prefix, Part("entity_prefix", vectors, valid, deep)))
        stages = []
        for number, name in enumerate(self.config.input_order, start=1):
            stage = [part for opens, part in prefixes if opens == number]
            stages.append(stage + ([parts[name]] if name in parts else []))
        return encode(self.backbone, [stage for stage in stages if stage], staged=staged), gates

    def _caption(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        if not batch.has_caption:
            return None
        there = _given(batch.caption_mask)
        if batch.caption_tokens is not None:
            mask = _given(batch.caption_token_mask)
            return self._scaled(self.encode_captions(batch.caption_tokens, mask)), there
        return self._scaled(_given(batch.captions).to(self.text_input.fc.weight.dtype)), there

    def _seen(self, context: EncodedStages, name: str, mask: Tensor | None) -> tuple[Tensor, Tensor] | None:
        """Return the last states of objects or image, and where they are real; None where the batch had none."""
        return (self._scaled(context.hidden[name]), _given(mask)) if name in context.hidden else None

    def _scaled(self, states: Tensor) -> Tensor:
        """Bring last states to one scale: text, objects, image and caption meet in eq. 4 to 8 and 12."""
        return normalized(states) if self.config.states == "normalized" else states


def _prepare(language_model: LanguageModel, config: ModelConfig) -> None:
    """Make trainable what `plm` says."""
    model = language_model.transformer
    model.requires_grad_(config.plm == "full")
    if config.plm != "lora":
        return
    from peft import LoraConfig, inject_adapter_in_model
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as TARGETS

    targets = {**TARGETS, "openai-gpt": ["c_attn"]}.get(language_model.kind)
    if targets is None:
        raise ModelError(f"plm: peft knows no layers of {language_model.kind} to adapt; use frozen or full")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        inject_adapter_in_model(
            LoraConfig(
                r=config.lora_rank,
                lora_alpha=config.lora_alpha,  # type: ignore[arg-type]
                lora_dropout=config.lora_dropout,
                target_modules=list(targets),
                fan_in_fan_out=language_model.kind in ("gpt2", "openai-gpt"),  # their layers are transposed
            ),
            model,
        )


def _drop_photos(batch: Batch, share: float) -> Batch:
    """Mask photo and caption of a share of the rows, drawn for each."""
    kept = torch.rand(len(batch), device=batch.tokens.device) >= share  # (B,)
    dropped = copy.copy(batch)  # not made again: what it has is not asked for, which would wait for the device
    if batch.object_mask is not None:
        dropped.object_mask = batch.object_mask & kept.unsqueeze(1)
    if batch.image_mask is not None:
        dropped.image_mask = batch.image_mask & kept
    if batch.caption_mask is not None:
        dropped.caption_mask = batch.caption_mask & kept
    return dropped


def _given(tensor: Tensor | None) -> Tensor:
    """Return what a batch with such rows has."""
    assert tensor is not None
    return tensor
