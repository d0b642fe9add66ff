"""BERT+SG and BERT+SG+Att against their equations."""

import math

import torch

from dgf.model.baselines.configs import BertSGAttConfig, BertSGConfig
from dgf.model.baselines.sentence import states_at_starts
from support.fitting import answers
from support.photo_rows import build, draw_rows, without_photos


def test_objects_are_averaged_as_the_equations_say() -> None:
    model, rows = build(BertSGConfig()), draw_rows(6, 1)
    with torch.no_grad():
        pair = states_at_starts(model.sentence(rows.tokens, rows.token_mask), rows.spans)
        for row in range(6):
            there = model.objects(rows.objects[row][rows.object_mask[row]])
            seen = there.mean(0) if len(there) else torch.zeros(64)
            logits = model.classifier(model.join(torch.cat([pair[row], seen])))
            torch.testing.assert_close(answers(model, rows)[row], logits.log_softmax(-1), atol=1e-6, rtol=0)
    assert model(rows).attributions.relevance is None, "an average looks nowhere"


def test_the_pair_attends_to_objects_as_the_equations_say() -> None:
    model, rows = build(BertSGAttConfig()), draw_rows(6, 1)
    with torch.no_grad():
        output = model(rows)
        pair = states_at_starts(model.sentence(rows.tokens, rows.token_mask), rows.spans)
        for row in range(6):
            there = model.objects(rows.objects[row][rows.object_mask[row]])
            scores = model.attention.key(there) @ model.attention.query(pair[row]) / math.sqrt(64)
            weights = scores.softmax(0)
            seen = weights @ model.attention.value(there) if len(there) else torch.zeros(64)
            logits = model.classifier(model.join(torch.cat([pair[row], seen])))
            torch.testing.assert_close(output.log_probs[row], logits.log_softmax(-1), atol=1e-6, rtol=0)
            filled = torch.zeros(4)
            filled[: len(weights)] = weights
            for shown in output.attributions.relevance[row]:
                torch.testing.assert_close(shown, filled, atol=1e-6, rtol=0)
    assert model(without_photos(rows)).attributions.relevance is None
