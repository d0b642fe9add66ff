"""Eq. 4 to 14 against plain NumPy, written from the paper."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.dgf_pt.decoder import LEFT, Branch, restriction
from dgf.model.dgf_pt.fusion import DualGatedFusion, literal_ratio
from dgf.model.dgf_pt.inputs import Relevance
from dgf.model.dgf_pt.objective import centered, classification, consistency, identification, joint_objective
from dgf.model.pooling import masked_softmax, span_mean
from support.batches import select_rows

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def cosine(left, right):
    return left @ right / (np.linalg.norm(left) * np.linalg.norm(right))


def softmax(scores):
    exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def gelu(value):
    return value * 0.5 * (1 + np.vectorize(math.erf)(value / math.sqrt(2)))


def linear(layer, value):
    weight, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
    return value @ weight.T + bias


def layer_norm(value):
    return (value - value.mean(-1, keepdims=True)) / np.sqrt(value.var(-1, keepdims=True) + 1e-5)


@pytest.fixture
def states():
    """h_t (2, 4, 8), h_o (2, 3, 8) of which row 1 has two, h_i (2, 5, 8), a caption for row 0."""
    generator = torch.Generator().manual_seed(5)
    text, objects, image, caption = (torch.randn(2, n, 8, generator=generator) for n in (4, 3, 5, 1))
    return {
        "text": text,
        "objects": (objects, torch.tensor([[True, True, True], [True, True, False]])),
        "image": (image, torch.tensor([True, True])),
        "caption": (caption[:, 0], torch.tensor([True, False])),
    }


def expected_fusion(fusion, states, row, delta, temperature, literal=False):
    text, image = states["text"][row].numpy(), states["image"][0][row].numpy()
    objects = states["objects"][0][row].numpy()[states["objects"][1][row].numpy()]
    scores = np.array([[cosine(word, thing) for thing in objects] for word in text])
    alpha = scores / scores.sum(1, keepdims=True) if literal else softmax(scores / temperature)  # eq. 4
    beta = linear(fusion.fc_beta, np.array([sum(a * o for a, o in zip(row, objects, strict=True)) for row in alpha]))
    gamma = np.tanh(linear(fusion.fc_gamma, image.mean(0)))  # eq. 6
    hidden = gelu(linear(fusion.mlp[0], text * gamma + beta))
    fused = linear(fusion.mlp[3], hidden) + text  # eq. 7
    if states["caption"][1][row]:
        fused = fused + states["caption"][0][row].numpy() * delta  # eq. 8
    return alpha, beta, gamma, fused


@pytest.mark.parametrize("alpha", ["softmax", "literal"])
def test_equations_4_to_8(states, alpha):
    torch.manual_seed(0)
    fusion = DualGatedFusion(ModelConfig(alpha=alpha), 8, objects=True, image=True).eval()
    torch.nn.init.normal_(fusion.mlp[3].weight)
    with torch.no_grad():
        fused, gates = fusion(**states)
    for row in range(2):
        wanted = expected_fusion(fusion, states, row, 0.4, 0.1, literal=alpha == "literal")
        here = int(states["objects"][1][row].sum())
        np.testing.assert_allclose(gates.alpha[row, :, :here], wanted[0], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(gates.beta[row], wanted[1], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(gates.gamma[row], wanted[2], **CLOSE)
        np.testing.assert_allclose(fused[row], wanted[3], rtol=1e-4, atol=1e-4)
    assert (gates.alpha[1, :, 2] == 0).all()


def test_alpha_is_a_distribution_and_the_literal_ratio_need_not_be():
    scores = torch.tensor([[[0.5, -0.4, 0.2]]])
    mask = torch.ones(1, 1, 3, dtype=torch.bool)
    assert masked_softmax(scores, mask).sum().item() == pytest.approx(1)
    assert literal_ratio(scores, mask)[0, 0].tolist() == pytest.approx([5 / 3, -4 / 3, 2 / 3])


def test_the_literal_ratio_is_guarded_where_cosines_cancel():
    mask = torch.ones(1, 1, 2, dtype=torch.bool)
    for scores in ([0.5, -0.5], [0.5, -0.500001], [0.0, 0.0]):
        ratio = literal_ratio(torch.tensor([[scores]]), mask)
        assert ratio.isfinite().all() and ratio.abs().max() <= 501


def test_missing_parts_close_their_gates(states):
    fusion = DualGatedFusion(ModelConfig(), 8, objects=True, image=True).eval()
    objects, image = states["objects"][0], states["image"][0]
    nobody, some = torch.zeros(2, 3, dtype=torch.bool), torch.tensor([True, False])
    with torch.no_grad():
        fused, gates = fusion(states["text"], (objects, nobody), (image, some), None)
    assert (gates.beta == 0).all() and (gates.alpha == 0).all()
    assert (gates.gamma[1] == 0).all() and (gates.gamma[0] != 0).any()
    assert torch.equal(fused[1], states["text"][1])
    assert not torch.equal(fused[0], states["text"][0])


def test_the_objects_an_entity_is_about():
    """4.1.2: softmax over cosine(T[e], O_k) with a learned temperature."""
    generator = torch.Generator().manual_seed(2)
    entities, objects = torch.randn(1, 2, 8, generator=generator), torch.randn(1, 3, 8, generator=generator)
    relevance = Relevance(0.5)
    with torch.no_grad():
        found, weights = relevance(entities, objects, torch.tensor([[True, False, True]]))
    kept = objects[0, [0, 2]].numpy()
    for index in range(2):
        wanted = softmax(np.array([cosine(entities[0, index].numpy(), thing) for thing in kept]) / 0.5)
        np.testing.assert_allclose(weights[0, index, [0, 2]], wanted, **CLOSE)
        np.testing.assert_allclose(found[0, index], wanted @ kept, **CLOSE)
    assert (weights[..., 1] == 0).all()
    with torch.no_grad():
        found, weights = relevance(entities, objects, torch.zeros(1, 3, dtype=torch.bool))
    assert (found == 0).all() and (weights == 0).all()


def test_entities_are_means_over_their_spans():
    values = torch.randn(2, 6, 4)
    spans = torch.tensor([[[0, 2], [1, 6]], [[5, 6], [2, 3]]])
    pooled = span_mean(values, spans)
    for row in range(2):
        for side in range(2):
            start, end = spans[row, side]
            np.testing.assert_allclose(pooled[row, side], values[row, start:end].numpy().mean(0), **CLOSE)


def test_static_entities_leave_their_markers_out():
    """T[e] of 4.1.2 is of the mention's words: markers are alike in every row."""
    values = torch.randn(1, 6, 4)
    counted = torch.tensor([[True, False, True, False, True, True]])
    pooled = span_mean(values, torch.tensor([[[1, 4], [0, 5]]]), counted)
    np.testing.assert_allclose(pooled[0, 0], values[0, 2], **CLOSE)
    np.testing.assert_allclose(pooled[0, 1], values[0, [0, 2, 4]].numpy().mean(0), **CLOSE)


def by_branch(steps):
    """What the decoder's passes read or say, (B, 2 branches x places of the pass, N) each -> (B, 2, 6, N)."""
    return torch.cat([step.unflatten(1, (2, -1)) for step in steps], 2).detach()


@pytest.mark.parametrize("types_from", ["text", "decoder"])
@pytest.mark.parametrize("kind", ["gpt2", "openai-gpt", "llama"])
def test_equation_9_goes_on_from_the_text(network, full_batch, kind, types_from):
    """The decoder's states are those of one causal run over [everything before, its six places]."""
    net = network(kind, types_from=types_from)
    reads = []
    net.backbone.register_forward_hook(lambda _, arguments, output: reads.append((arguments, output)))
    row = select_rows(full_batch, torch.tensor([0]))  # nothing is masked but padding, which is cut here
    row.tokens, row.token_mask = row.tokens[:, :9], row.token_mask[:, :9]
    with torch.no_grad():
        net(row)
    (encoded, _), *steps = reads
    assert len(steps) == {"text": 1, "decoder": 2}[types_from]
    everything = torch.cat([encoded[0], by_branch(given[0] for given, _ in steps)[:, 0]], 1)
    size = everything.shape[1]
    seen = torch.ones(size, size).tril().bool().unsqueeze(0)
    with torch.no_grad():
        alone = net.backbone(everything, seen, torch.arange(size)[None], type(encoded[3])(), encoded[4])
    np.testing.assert_allclose(alone[:, -6:], by_branch(output for _, output in steps)[:, 0], **CLOSE)


@pytest.mark.parametrize("types_from", ["text", "decoder"])
def test_the_decoder_reads_entities_sentence_types_and_query(network, full_batch, types_from):
    net = network("gpt2", types_from=types_from)
    decoder = net.decoder
    reads = []
    net.backbone.register_forward_hook(lambda _, arguments, output: reads.append(arguments[0]))
    with torch.no_grad():
        output = net(full_batch)
        context, _ = net._encode(full_batch, False)
    fed = by_branch(reads[1:3] if types_from == "decoder" else reads[1:2]).numpy()
    types = output.type_log_probs.exp().numpy()
    text = layer_norm(context.hidden["text"].detach().numpy())
    for row, length in enumerate(full_batch.token_mask.sum(1).tolist()):
        entities = [text[row, a:b].mean(0) for a, b in full_batch.spans[row].tolist()]
        plain = np.stack([*entities, text[row, :length].mean(0)])
        np.testing.assert_allclose(fed[row, 1, :3], layer_norm(plain) * float(decoder.scale), **CLOSE)
        pooled = layer_norm(output.fused[row].numpy()) * float(decoder.scale)
        np.testing.assert_allclose(fed[row, 0, 2], pooled, **CLOSE)
        expected = types[row] @ decoder.type_vectors.detach().numpy()
        np.testing.assert_allclose(fed[row, 0, 3:5], expected, **CLOSE)
        np.testing.assert_allclose(fed[row, 0, 5], decoder.query.detach().numpy(), **CLOSE)


@pytest.mark.parametrize("kind", ["gpt2", "bert"])
def test_the_unfused_branch_never_sees_the_fused_one(network, full_batch, kind):
    net = network(kind)
    context, _ = net._encode(full_batch, False)
    text = context.hidden["text"]
    entities, sentence = span_mean(text, full_batch.spans), text.mean(1)
    plain = Branch(entities, sentence, None)
    results = []
    with torch.no_grad():
        for other in (1.0, -3.0):
            context, _ = net._encode(full_batch, False)
            fused = Branch(entities + torch.randn(1, 1, 32) * other, sentence * other, None)
            results.append(net.decoder(net.backbone, context, [fused, plain], None)[1].relations)
        context, _ = net._encode(full_batch, False)
        results.append(net.decoder(net.backbone, context, [plain], None)[0].relations)
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-5)
    torch.testing.assert_close(results[0], results[2], rtol=0, atol=1e-5)


def expected_scores(net, states, full_batch, row, branch):
    """Eq. 13's p(r | ...) of the fused branch (0) or the text (1), and the types behind it, from the states."""
    decoder = net.decoder
    (_, encoded), *steps = states
    said = by_branch(output for _, output in steps)[row, branch].numpy()
    hidden = layer_norm(encoded[row].detach().numpy())
    length = full_batch.tokens.shape[1]
    text = hidden[-length:]
    caption = full_batch.caption_mask[row]
    objects_mask = full_batch.object_mask[row].numpy()
    start = hidden.shape[0] - length - 4 - 3
    objects, image = hidden[start : start + 3], hidden[start + 3 : start + 7]
    fusion, gated = net.fusion, np.zeros_like(text)
    if objects_mask.any():
        scores = np.array([[cosine(w, o) for o in objects[objects_mask]] for w in text])
        gated = gated + linear(fusion.fc_beta, softmax(scores / 0.1) @ objects[objects_mask])
    if full_batch.image_mask[row]:
        gated = gated + text * np.tanh(linear(fusion.fc_gamma, image.mean(0)))
    fused = text
    if objects_mask.any() or full_batch.image_mask[row]:
        fused = text + linear(fusion.mlp[3], gelu(linear(fusion.mlp[0], gated)))
    if caption:
        fused = fused + 0.4 * layer_norm(full_batch.captions[row].numpy())
    if branch == 1:
        fused = text
    spans = full_batch.spans[row].tolist()
    entities = np.stack([fused[a:b].mean(0) for a, b in spans])
    there = full_batch.token_mask[row].numpy()
    about = said[:2] if decoder.types_from == "decoder" else np.stack([fused[there].mean(0)] * 2)
    states_of_types = np.concatenate([layer_norm(about), layer_norm(entities)], -1)
    types = softmax(linear(decoder.type_head, states_of_types))
    features = layer_norm(np.stack([said[5], *entities])).reshape(-1)
    scores = linear(decoder.classify, features)
    if full_batch.image_mask[row] and branch == 0:
        scores = scores + layer_norm(image.mean(0)) @ decoder.classify_image.weight.detach().numpy().T
    allowed = np.ones(len(scores))
    for index, name in enumerate(net.labels.relations):
        if name != "None":
            head, tail = (net.labels.types.index(t) for t in name.split("/")[1:3])
            allowed[index] = types[0, head] * types[1, tail]
    return np.log(softmax(np.log(softmax(scores)) + np.log(allowed * (1 - LEFT) + LEFT))), np.log(types)


@pytest.mark.parametrize("types_from", ["text", "decoder"])
def test_equation_13_and_the_type_restriction(network, full_batch, types_from):
    net = network("gpt2", types_from=types_from)
    for layer in (net.decoder.type_head, net.decoder.classify_image, net.fusion.mlp[3]):
        torch.nn.init.normal_(layer.weight)
    reads = []
    net.backbone.register_forward_hook(lambda _, arguments, output: reads.append((arguments, output)))
    with torch.no_grad():
        output = net(full_batch)
    for row in range(len(full_batch)):
        relations, types = expected_scores(net, reads, full_batch, row, 0)
        np.testing.assert_allclose(output.log_probs[row], relations, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(output.type_log_probs[row], types, rtol=1e-3, atol=1e-4)
        of_text, _ = expected_scores(net, reads, full_batch, row, 1)
        np.testing.assert_allclose(output.log_probs_text[row], of_text, rtol=1e-3, atol=1e-4)
    targets = full_batch.relations
    wanted = -np.mean([output.log_probs[i, r].item() for i, r in enumerate(targets.tolist())])
    assert classification(output.log_probs, targets).item() == pytest.approx(wanted, rel=1e-5)


def test_rows_without_a_relation_are_left_out_of_equation_13():
    log_probs = torch.randn(3, 4).log_softmax(1)
    wanted = -(log_probs[0, 1] + log_probs[2, 0]) / 2
    assert classification(log_probs, torch.tensor([1, -1, 0])).item() == pytest.approx(wanted.item(), rel=1e-5)
    assert classification(log_probs, torch.tensor([-1, -1, -1])).item() == 0


def test_the_restriction_is_soft_and_never_touches_none(labels):
    types = torch.tensor([[[0.0, 0.1, 0.9], [0.0, 0.7, 0.3]]])  # loc, org, per
    chance = restriction(types, labels.allowed()).exp()[0]
    wanted = {
        "None": 1,
        "/per/org/member_of": 0.63,
        "/per/per/peer": 0.27,
        "/loc/loc/contain": 0,
        "/per/per/couple": 0.27,
    }
    for index, name in enumerate(labels.relations):
        assert chance[index].item() == pytest.approx(wanted[name] * (1 - LEFT) + LEFT, rel=1e-4)


def test_equations_10_and_11_are_a_divergence():
    p, q = torch.randn(6, 5).log_softmax(1), torch.randn(6, 5).log_softmax(1)
    p_, q_ = p.exp().numpy(), q.exp().numpy()
    wanted = np.mean(
        [sum(a * math.log(a / b) for a, b in zip(*pair, strict=True)) for pair in zip(p_, q_, strict=True)]
    )
    assert consistency(p, q).item() == pytest.approx(wanted, rel=1e-5)
    assert consistency(p, p).item() == pytest.approx(0, abs=1e-6)
    assert consistency(p, q).item() == pytest.approx(
        F.kl_div(q, p, log_target=True, reduction="batchmean").item(), rel=1e-5
    )


def hinge(x, y, sentences, margin):
    total = 0.0
    for i in range(len(x)):
        others = [j for j in range(len(x)) if sentences[j] != sentences[i]]
        if not others:
            continue
        positive = cosine(x[i], y[i])
        hardest_x = max(cosine(x[j], y[i]) for j in others)
        hardest_y = max(cosine(x[i], y[j]) for j in others)
        total += max(margin - positive + hardest_x, 0) + max(margin - positive + hardest_y, 0)
    return total / len(x)


@pytest.mark.parametrize("sentences", [[0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 1, 2], [0] * 6])
@pytest.mark.parametrize("margin", [0.0, 0.2, 1.0])
def test_equation_12_with_its_sign_mended(sentences, margin):
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(6, 7, generator=generator)
    y = x + torch.randn(6, 7, generator=generator)
    wanted = hinge(x.numpy(), y.numpy(), sentences, margin)
    found = identification(x, y, torch.tensor(sentences), margin)
    assert found.item() == pytest.approx(wanted, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("rows", [1, 4])
def test_rows_without_negatives_have_a_finite_gradient(rows):
    x = torch.randn(rows, 6, requires_grad=True)
    identification(x, x * 2, torch.zeros(rows), 0.2).backward()
    identification(*centered(x, x + 0), torch.zeros(rows), 0.2).backward()
    assert x.grad.isfinite().all()


def test_what_all_rows_share_makes_no_negative_hard():
    generator = torch.Generator().manual_seed(4)
    shared = 10 * torch.randn(6, generator=generator)
    x = shared + torch.randn(64, 6, generator=generator)
    y = x + 0.1 * torch.randn(64, 6, generator=generator)
    away, distinct = (F.normalize(part, dim=1) for part in (x, centered(x, y)[0]))
    others = ~torch.eye(64).bool()
    assert (away @ away.T)[others].mean() > 0.95 and (distinct @ distinct.T)[others].mean().abs() < 0.1


def test_a_step_on_the_hinge_brings_positives_nearer_and_negatives_apart():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(5, 6, generator=generator, requires_grad=True)
    y = torch.randn(5, 6, generator=generator, requires_grad=True)
    gaps, positives = [], []
    optimizer = torch.optim.SGD([x, y], lr=0.2)
    for _ in range(40):
        loss = identification(x, y, None, 0.2)
        with torch.no_grad():
            similar = F.normalize(x, dim=1) @ F.normalize(y, dim=1).T
            positives.append(similar.diagonal().mean().item())
            gaps.append((similar.diagonal() - similar.masked_fill(torch.eye(5).bool(), -9).amax(1)).mean().item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert positives[-1] > positives[0] + 0.2
    assert gaps[-1] > gaps[0] + 0.2


def test_a_step_on_the_divergence_shrinks_it():
    generator = torch.Generator().manual_seed(1)
    p = torch.randn(5, 6, generator=generator, requires_grad=True)
    q = torch.randn(5, 6, generator=generator, requires_grad=True)
    optimizer = torch.optim.SGD([p, q], lr=1.0)
    values = []
    for _ in range(50):
        loss = consistency(p.log_softmax(1), q.log_softmax(1))
        values.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert values[-1] < 0.2 * values[0] and min(values) > -1e-6


def test_equation_14_weighs_the_losses(network, full_batch):
    net = network("gpt2")
    output = net(full_batch)
    losses = joint_objective(output, full_batch, net.config)
    wanted = (
        2 * consistency(output.log_probs, output.log_probs_text)
        + 2 * identification(*centered(output.text, output.fused), full_batch.sentences, 0.2)
        + 3 * classification(output.log_probs, full_batch.relations)
        + 0.3 * losses.types
    )
    assert losses.total.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert min(losses.consistency, losses.identification, losses.classification, losses.types) > 0
    typed = full_batch.type_targets >= 0
    expected = -output.type_log_probs[typed].gather(1, full_batch.type_targets[typed].unsqueeze(1)).mean()
    assert losses.types.item() == pytest.approx(expected.item(), rel=1e-5)


def test_without_the_joint_objective_only_the_classification_remains(network, full_batch):
    net = network("gpt2", joint_objective=False)
    losses = joint_objective(net(full_batch), full_batch, net.config)
    assert losses.consistency == 0 and losses.identification == 0
    assert losses.total.item() == pytest.approx((3 * losses.classification + 0.3 * losses.types).item(), rel=1e-6)
