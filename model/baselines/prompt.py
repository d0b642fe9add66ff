"""Prompting: a causal language model, frozen, reads the sentence, and the relation it finds most likely is the answer.

What whoever has a language model tries first: no entity type is read and of a photo at most its caption, and nothing
learns unless asked to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgf.model.attention import Memory
from dgf.model.backbone import Backbone
from dgf.model.baselines.configs import PromptConfig
from dgf.model.baselines.output import PairScores, ParameterGroups, cross_entropy, score_logits
from dgf.model.baselines.wording import AskedRow, Tokens, Wording
from dgf.model.batch import Batch
from dgf.model.errors import ModelError
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel, load_output_layer, ties_output

CALIBRATION_ROWS = 32
"""Rows whose mean score `calibrate: rows` takes off."""

LONGEST_DEMONSTRATION = 192
"""Tokens; rows of which more would be needed demonstrate nothing."""


class Prompt(nn.Module):
    """Likelihood of each relation's description after the sentence and the question.

    Rows are read one by one, each without padding, so that the other rows of a batch change no bit of an answer. What
    descriptions begin with in common is read once.

    Args:
        config: Its keys.
        labels: The relations.
        language_model: Causal, with a tokenizer; it stays as it is.
        object_dim: Not read.
        block_shape: Not read.

    Raises:
        ModelError: The language model says no likelihoods, or the verbalizer does not fit the relations.
    """

    demonstrations: Tensor
    usual: Tensor
    output_layer: Tensor

    def __init__(
        self,
        config: PromptConfig,
        labels: LabelSpace,
        language_model: LanguageModel,
        object_dim: int = 0,
        block_shape: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.labels, self.language_model = config, labels, language_model
        self.object_dim, self.block_shape = object_dim, block_shape
        self.tied = ties_output(language_model)
        self.wording = Wording(language_model, labels, config.verbalizer, captions=config.captions)
        self.backbone = Backbone(language_model.transformer.requires_grad_(False))
        # found by `prepare`, and saved with the model
        self.register_buffer("demonstrations", torch.full((config.demonstrations, LONGEST_DEMONSTRATION), -1))
        self.register_buffer("usual", torch.zeros(len(labels.relations)))  # score of each description
        if not self.tied:
            self.register_buffer("output_layer", torch.zeros(language_model.vocab_size, language_model.width))
        if config.fit == "bias":
            self.bias = nn.Parameter(torch.zeros(len(labels.relations)))
            self.log_scale = nn.Parameter(torch.zeros(()))
        self._known: dict[AskedRow, list[float]] | None = None  # only while it is being trained

    def prepare(self, relations: Tensor, batch_of: Callable[[Sequence[int]], Batch]) -> None:
        """Load the output layer where it is not tied, draw the demonstrations, and calibrate on training rows.

        Raises:
            ModelError: Too few rows are short enough, or the output layer cannot be loaded.
        """
        if not self.tied:
            self.output_layer.copy_(load_output_layer(self.language_model, self.config.seed))
        self._draw_demonstrations(relations, batch_of)
        if self.config.calibrate == "rows":
            drawn = torch.randperm(len(relations), generator=torch.Generator().manual_seed(self.config.seed))
            before = self._read_demonstrations()
            rows = self.wording.read(batch_of(drawn[:CALIBRATION_ROWS].tolist()))
            self.usual.copy_(torch.tensor([self._score(row, before) for row in rows]).mean(0))

    def _draw_demonstrations(self, relations: Tensor, batch_of: Callable[[Sequence[int]], Batch]) -> None:
        found: list[Tokens] = []
        for row in _in_turn(relations, self.config.seed):
            if len(found) == len(self.demonstrations):
                return
            [words] = self.wording.read(batch_of([row]))
            demonstration = self.wording.demonstrate(words, int(relations[row]))
            if len(demonstration) <= LONGEST_DEMONSTRATION:
                place = self.demonstrations[len(found)]
                place[: len(demonstration)] = torch.tensor(demonstration)
                found.append(demonstration)
        if len(found) < len(self.demonstrations):
            asked = f"model.demonstrations: {self.config.demonstrations} are asked for"
            raise ModelError(f"{asked}, and {len(found)} training rows are short enough; ask for fewer")

    def forward(self, batch: Batch) -> PairScores:
        """Score every relation for every row, (B, R)."""
        before = self._read_demonstrations()
        scores = [self._known_scores(row, before) for row in self.wording.read(batch)]
        logits = torch.tensor(scores, device=batch.tokens.device) - self.usual  # (B, R)
        if self.config.fit == "bias":
            logits = self.log_scale.exp() * logits + self.bias
        return score_logits(logits)

    def loss(self, output: PairScores, batch: Batch) -> Mapping[str, Tensor]:
        """Return the mean cross-entropy."""
        return cross_entropy(output, batch)

    def parameter_groups(self) -> ParameterGroups:
        """Return nothing, or with `fit: bias` one number a relation and the logarithm of a temperature's inverse."""
        return ([], [self.bias], [self.log_scale]) if self.config.fit == "bias" else ([], [], [])

    def train(self, mode: bool = True) -> Self:
        """Set the mode of what learns: the language model never drops anything.

        A model that is being trained remembers the scores of each row, which do not change from epoch to epoch.
        """
        super().train(mode)
        self.backbone.eval()
        if mode and self._known is None:
            self._known = {}
        return self

    def _known_scores(self, row: AskedRow, before: "_Read") -> list[float]:
        if self._known is None:
            return self._score(row, before)
        if row not in self._known:
            self._known[row] = self._score(row, before)
        return self._known[row]

    @torch.no_grad()
    def _score(self, row: AskedRow, before: "_Read") -> list[float]:
        """Return each relation's log-likelihood after the sentence, normalized and without its context's if asked."""
        answers = self.wording.describe(row)
        scores = self._likelihoods(self.wording.ask(row), answers, before)
        if self.config.calibrate == "context":
            scores = scores - self._likelihoods(self.wording.ask(row, with_post=False), answers, before)
        if self.config.normalize:
            scores = scores / torch.tensor([len(answer) for answer in answers], device=scores.device)
        values: list[float] = scores.tolist()
        return values

    @torch.no_grad()
    def _read_demonstrations(self) -> "_Read":
        """Read what stands before every row: what the tokenizer begins a text with, and the demonstrations."""
        shown = self.demonstrations[self.demonstrations >= 0].tolist()
        before = _Read()
        if start := [*self.wording.opening, *shown]:
            self._read_line(start, before)
        return before

    def _likelihoods(self, question: Tokens, answers: Sequence[Tokens], before: "_Read") -> Tensor:
        """Return the log-likelihood of each answer after a question, (R,), all of them in one pass.

        Every beginning of an answer is a position, once for all answers that share it, and sees the beginnings that it
        goes on from: a tree, whose root is the question's last position.
        """
        read = _Read(before.memory.branch(), before.length)
        states = self._read_line(question, read)[-1:]  # (1, N)
        beginnings = list(dict.fromkeys(answer[:end] for answer in answers for end in range(1, len(answer))))
        place = {(): 0} | {beginning: number for number, beginning in enumerate(beginnings, 1)}
        if beginnings:
            seen = torch.zeros(len(beginnings), len(beginnings), dtype=torch.bool)  # (E, E)
            for number, beginning in enumerate(beginnings):
                seen[number, [place[beginning[:end]] - 1 for end in range(1, len(beginning) + 1)]] = True
            depths = torch.tensor([len(beginning) - 1 for beginning in beginnings])
            words = [beginning[-1] for beginning in beginnings]
            states = torch.cat([states, self._read(words, seen, depths, read)])  # (1 + E, N)

        # each token of an answer is told by the beginning before it
        steps = [(place[answer[:end]], answer[end]) for answer in answers for end in range(len(answer))]
        places, tokens = torch.tensor(steps, device=states.device).T  # each has a number a token of all answers
        likely = self._log_probs(states)[places, tokens]
        return torch.stack([part.sum() for part in likely.split([len(answer) for answer in answers])])

    def _read_line(self, tokens: Sequence[int], read: "_Read") -> Tensor:
        """Read S tokens one after the other, (S, N); `read` gains them."""
        count = len(tokens)
        states = self._read(tokens, torch.ones(count, count, dtype=torch.bool).tril(), torch.arange(count), read)
        read.length += count
        return states

    def _read(self, tokens: Sequence[int], seen: Tensor, depths: Tensor, read: "_Read") -> Tensor:
        """Read S tokens that see one another as `seen` (S, S) says and stand `depths` (S,) after what was read: (S, N).

        Raises:
            ModelError: The language model does not read so far.
        """
        length, longest = read.length + int(depths.max()) + 1, self.backbone.longest
        if longest and length > longest:
            what = f"demonstrations, sentence and descriptions take {length} tokens and {self.backbone.kind} reads"
            lower = ", data.max_caption" if self.config.captions else ""
            raise ModelError(f"{what} {longest}; lower model.demonstrations{lower} or data.max_length")
        device = self.language_model.embeddings.device
        embedded = self.backbone.embed(torch.tensor([tokens], device=device))  # (1, S, N)
        mask = torch.cat([seen.new_ones(len(seen), read.length), seen], 1)  # (S, P + S)
        positions = read.length + depths
        states: Tensor = self.backbone(embedded, mask[None].to(device), positions[None].to(device), read.memory)
        return states[0]

    def _log_probs(self, states: Tensor) -> Tensor:
        """Return the log-probabilities of the next token, (E, N) -> (E, V), in float32 also under autocast."""
        weight = self.language_model.embeddings if self.tied else self.output_layer
        with torch.autocast(states.device.type, enabled=False):
            return F.linear(states.float(), weight.float()).log_softmax(-1)


def _in_turn(relations: Tensor, seed: int) -> list[int]:
    """List the rows in the order in which they demonstrate: one of each relation, then another of each, ..."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(relations), generator=generator)
    order = torch.randperm(int(relations.max()) + 1, generator=generator)
    turns: dict[int, int] = {}
    ranked = []
    for row in rows.tolist():
        relation = int(relations[row])
        turns[relation] = turns.get(relation, 0) + 1
        ranked.append((turns[relation], int(order[relation]), row))
    return [row for _, _, row in sorted(ranked)]


@dataclass(slots=True)
class _Read:
    """What the language model has read of a row: its keys and values, and the number of its tokens."""

    memory: Memory = field(default_factory=Memory)
    length: int = 0
