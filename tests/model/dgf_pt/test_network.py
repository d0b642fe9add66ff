"""The network whole: what is trained, what each variant changes, what it can learn, what it must not read."""

from dataclasses import fields, replace

import pytest
import torch

from dgf.model.batch import Batch
from dgf.model.dgf_pt.config import ORACLE, ModelConfig
from dgf.model.dgf_pt.network import DGF
from dgf.model.dgf_pt.objective import joint_objective
from dgf.model.labels import LabelSpace

KINDS = ("gpt2", "openai-gpt", "llama", "bert")
N, D, C, R, T, LAYERS = 32, 10, 6, 5, 3, 3


def step(net: DGF, batch: Batch) -> None:
    net.train()
    joint_objective(net(batch), batch, net.config).total.backward()


def trained(net: DGF) -> int:
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def test_same_seed_same_network(network, full_batch):
    one, two, other = network(seed=3), network(seed=3), network(seed=4)
    before = torch.random.get_rng_state()
    network(seed=5)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one(full_batch).log_probs, two(full_batch).log_probs)
    assert not torch.equal(one(full_batch).log_probs, other(full_batch).log_probs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("types", ["predicted", "file", "none", "gold"])
def test_a_frozen_model_is_left_alone_and_everything_else_learns(network, full_batch, kind, types):
    net = network(kind, entity_types=types, markers=True, prefix_length=2)
    full_batch.given_types = full_batch.type_targets
    full_batch.tokens[:, 0], full_batch.tokens[:, 1], full_batch.tokens[:, 2], full_batch.tokens[:, 3] = 60, 61, 62, 63
    before = {name: weight.clone() for name, weight in net.backbone.state_dict().items()}
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=0.1)
    step(net, full_batch)
    for name, parameter in net.named_parameters():
        if name.startswith("backbone."):
            assert parameter.grad is None and not parameter.requires_grad, name
        else:
            assert parameter.requires_grad and parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
    optimizer.step()
    after = net.backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_frozen_model_has_no_dropout_and_a_trained_one_has(network, full_batch):
    frozen, full = network("gpt2", dropout=0.0), network("gpt2", dropout=0.0, plm="full")
    for net, random in ((frozen, False), (full, True)):
        net.train()
        one, two = net(full_batch).log_probs, net(full_batch).log_probs
        assert torch.equal(one, two) is not random


def test_dropout_parts_no_row_from_itself_where_nothing_was_fused(network, full_batch):
    net = network("gpt2", dropout=0.6).train()
    output = net(replace(full_batch, captions=None, caption_mask=None))
    bare = ~full_batch.object_mask.any(1) & ~full_batch.image_mask
    assert 0 < bare.sum() < len(bare)
    torch.testing.assert_close(output.log_probs[bare], output.log_probs_text[bare], rtol=0, atol=1e-5)
    assert (output.log_probs - output.log_probs_text)[~bare].abs().amax(1).min() > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_under_autocast_residual_streams_and_cosines_stay_in_float32(network, full_batch, kind):
    net = network(kind, object_prefix="none", entity_prefix="none")
    seen = []
    for layer in net.backbone.layers:
        layer.register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        output = net(full_batch)
    assert {(state[0] if isinstance(state, tuple) else state).dtype for state in seen} <= {torch.float32}
    assert output.gates.alpha.dtype == torch.float32
    assert kind == "openai-gpt" or len(seen) == 3 * LAYERS


@pytest.mark.parametrize("kind", KINDS)
def test_full_fine_tuning_reaches_every_layer(network, full_batch, kind):
    net = network(kind, plm="full")
    step(net, full_batch)
    inside, new, temperatures = net.parameter_groups()
    assert sum(p.numel() for p in inside) == sum(p.numel() for p in net.backbone.parameters())
    assert len(inside) + len(new) + len(temperatures) == len(list(net.parameters()))
    without = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize("kind", KINDS)
def test_lora_trains_adapters_alone(network, full_batch, kind):
    net = network(kind, plm="lora", lora_rank=2)
    plain = network(kind)
    with torch.no_grad():
        assert (net(full_batch).log_probs - plain(full_batch).log_probs).abs().max() < 1e-5  # adapters start at zero
    inside, *_ = net.parameter_groups()
    names = [n for n, p in net.backbone.named_parameters() if p.requires_grad]
    assert names and all("lora_" in name for name in names) and len(names) == len(inside)
    wide = {"gpt2": 1, "openai-gpt": 1, "llama": 2, "bert": 2}[kind]
    assert len(inside) == LAYERS * wide * 2
    before = {n: p.clone() for n, p in net.backbone.named_parameters() if "lora_" not in n}
    optimizer = torch.optim.AdamW(inside, lr=0.1)
    step(net, full_batch)
    optimizer.step()
    assert all(torch.equal(before[n], p) for n, p in net.backbone.named_parameters() if n in before)
    with torch.no_grad():
        assert (net.eval()(full_batch).log_probs - plain(full_batch).log_probs).abs().max() > 1e-4


# What each key adds to or takes from the default's trainable weights; every variant must also change the outcome.
GATES = 2 * (N * N + N) + 1
MLP = 2 * (N * N + N)
HIDDEN = 8
OBJECT_P, ENTITY_P = 7, 8
DEEPEN = HIDDEN * (LAYERS - 1) * N + (LAYERS - 1) * N
VARIANTS = {
    "without the object prefix": ({"object_prefix": "none"}, -(5 * N + 1 + OBJECT_P * HIDDEN + DEEPEN)),
    "without the entity prefix": ({"entity_prefix": "none"}, -(6 * N + ENTITY_P * HIDDEN + DEEPEN)),
    "without both prefixes": (
        {"object_prefix": "none", "entity_prefix": "none"},
        -(11 * N + 1 + (OBJECT_P + ENTITY_P) * HIDDEN + 2 * DEEPEN),
    ),
    "object prefix in stage 2": ({"object_prefix": 2}, 0),
    "object prefix in stage 3": ({"object_prefix": 3}, 0),
    "entity prefix in stage 2": ({"entity_prefix": 2}, 0),
    "entity prefix in stage 3": ({"entity_prefix": 3}, 0),
    "both prefixes in stage 2": ({"object_prefix": 2, "entity_prefix": 2}, 0),
    "both prefixes in stage 3": ({"object_prefix": 3, "entity_prefix": 3}, 0),
    "entity prefix in 2, object prefix in 3": ({"entity_prefix": 2, "object_prefix": 3}, 0),
    "entity prefix in 3, object prefix in 2": ({"entity_prefix": 3, "object_prefix": 2}, 0),
    "prefixes in the first layer only": ({"prefix_depth": "input"}, -((OBJECT_P + ENTITY_P) * HIDDEN + 2 * DEEPEN)),
    "longer prefixes": ({"prefix_length": 3}, 2 * 3 * (N + HIDDEN)),
    "objects, text, image": ({"input_order": ("objects", "text", "image")}, 0),
    "image, objects, text": ({"input_order": ("image", "objects", "text")}, 0),
    "image, text, objects": ({"input_order": ("image", "text", "objects")}, 0),
    "text, objects, image": ({"input_order": ("text", "objects", "image")}, 0),
    "text, image, objects": ({"input_order": ("text", "image", "objects")}, 0),
    "without fusion": ({"fusion": False}, -(GATES + MLP)),
    "the literal ratio": ({"alpha": "literal"}, -1),
    "another delta": ({"delta": 0.0}, 0),
    "without types": ({"entity_types": "none"}, -(T * N + 2 * N * T + T)),
    "gold types": ({"entity_types": "gold"}, N - (2 * N * T + T)),
    "without the restriction": ({"type_restriction": "off"}, 0),
    "markers": ({"markers": True}, 4 * N),
    "another temperature": ({"temperature": 1.0}, 0),
    "fc7 as four blocks": ({"image_features": "fc7", "image_blocks": 4, "block_shape": (1, C)}, 3 * (C + 1) * N),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_each_variant_has_its_weights_and_its_effect(network, full_batch, name):
    keys, difference = VARIANTS[name]
    plain = network()
    other = network(**keys)
    assert trained(other) - trained(plain) == difference
    batch = full_batch
    if keys.get("image_features") == "fc7":
        batch = replace(batch, blocks=batch.blocks[:, :1])
    if "markers" in keys:
        batch.tokens[:, 2] = 60
    # shared weights get the same values, so that what differs is the variant alone
    shared = plain.state_dict()
    for name_, tensor in other.state_dict().items():
        if not name_.endswith("temperature") and name_ in shared and shared[name_].shape == tensor.shape:
            tensor.copy_(shared[name_])
    for net in (plain, other):
        for prefix in (net.object_prefix, net.entity_prefix):
            if prefix is not None and prefix.table is not None:
                torch.nn.init.constant_(prefix.deepen.bias, 0.5)
    with torch.no_grad():
        one, two = plain(full_batch), other(batch)
    assert (one.log_probs - two.log_probs).abs().max() > 1e-5


def test_the_default_has_the_weights_it_should(network):
    prefixes = 11 * N + 1 + (OBJECT_P + ENTITY_P) * HIDDEN + 2 * DEEPEN
    inputs = N * N + N + (D + 1) * N + (C + 1) * N
    decoder = N * N + N + N + T * N + 2 * N * T + T + 3 * N * R + R + N * R
    assert trained(network()) == prefixes + inputs + GATES + MLP + decoder
    assert trained(network(visual=False)) == (
        prefixes - 2 * HIDDEN - 1 + N * N + N + decoder - N * R
    )  # no slots for objects, nothing that reads a picture


def test_the_joint_objective_changes_the_gradient_and_nothing_else(network, full_batch):
    nets = [network(joint_objective=on) for on in (True, False)]
    assert trained(nets[0]) == trained(nets[1])
    assert torch.equal(nets[0](full_batch).log_probs, nets[1](full_batch).log_probs)
    for net in nets:
        joint_objective(net(full_batch), full_batch, net.config).total.backward()
    gradients = [net.fusion.fc_beta.weight.grad for net in nets]
    assert not torch.allclose(*gradients)


@pytest.mark.parametrize("weight", ["consistency", "identification", "classification", "type"])
def test_each_weight_weighs_its_loss(network, full_batch, weight):
    key = f"{weight}_weight"
    net = network()
    output = net(full_batch)
    losses = joint_objective(output, full_batch, net.config)
    doubled = replace(net.config, **{key: 2 * getattr(net.config, key)})
    part = getattr(losses, "types" if weight == "type" else weight)
    grown = joint_objective(output, full_batch, doubled).total - losses.total
    assert grown.item() == pytest.approx((getattr(net.config, key) * part).item(), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("types", ["predicted", "file", "none"])
def test_no_label_reaches_a_prediction(network, full_batch, kind, types):
    net = network(kind, entity_types=types)
    full_batch.given_types = torch.tensor([[0, 1]] * 3 + [[-1, 2]] * 4)
    changed = replace(
        full_batch,
        relations=4 - full_batch.relations,
        type_targets=torch.zeros_like(full_batch.type_targets),
        sentences=torch.zeros_like(full_batch.sentences),
    )
    unlabelled = replace(full_batch, relations=None, type_targets=None, sentences=None)
    with torch.no_grad():
        outputs = [net(batch) for batch in (full_batch, changed, unlabelled)]
    for output in outputs:
        assert net.config.protocol is None
        for field in fields(output):
            value = getattr(output, field.name)
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, getattr(outputs[0], field.name)), field.name


@pytest.mark.parametrize("types", ["predicted", "none"])
def test_given_types_are_not_read_where_they_are_not_asked_for(network, full_batch, types):
    net = network(entity_types=types)
    given = replace(full_batch, given_types=full_batch.type_targets)
    assert torch.equal(net(full_batch).log_probs, net(given).log_probs)


def test_types_from_a_file_are_read_and_unknown_ones_predicted(network, full_batch):
    net = network(entity_types="file")
    predicted = network(entity_types="predicted")
    unknown = replace(full_batch, given_types=torch.full((7, 2), -1))
    given = replace(full_batch, given_types=torch.tensor([[2, 2]] + [[-1, -1]] * 6))
    with torch.no_grad():
        assert torch.equal(net(unknown).log_probs, predicted(full_batch).log_probs)
        one, two = net(unknown).log_probs, net(given).log_probs
        assert torch.equal(one[1:], two[1:])
        assert two[0].exp()[[1, 3]].max() < 1e-2  # member_of and contain are not for two persons
        assert not torch.equal(one[0], two[0])


def test_gold_types_say_that_they_leak(network, full_batch):
    net = network(entity_types="gold")
    full_batch.given_types = full_batch.type_targets
    with torch.no_grad():
        output = net(full_batch)
    assert net.config.protocol == ModelConfig(entity_types="gold").protocol == ORACLE
    assert ORACLE == "oracle-types (leaks the label)"
    assert output.type_log_probs is None
    assert output.log_probs[1].exp()[[2, 3, 4]].max() < 1e-2  # a person and an organization: member_of or None
    blind = replace(full_batch, given_types=torch.full((7, 2), -1))
    with torch.no_grad():
        unknown = net(blind)
        off = network(entity_types="gold", type_restriction="off")(blind)
    torch.testing.assert_close(unknown.log_probs, off.log_probs)  # unknown types restrict nothing


def test_relations_without_types_in_their_names_need_none(network, full_batch):
    net = network(space=LabelSpace.from_relations(["None", "peer", "member_of", "part_of", "couple"]))
    output = net(full_batch)
    assert output.type_log_probs is None and output.log_probs.shape == (7, 5)
    step(net, replace(full_batch, type_targets=None))


def test_captions_enter_as_pooled_states_or_as_tokens(network, full_batch):
    tokens = torch.randint(0, 60, (7, 5), generator=torch.Generator().manual_seed(9))
    mask = torch.arange(5) < torch.tensor([5, 3, 2, 0, 1, 4, 5])[:, None]
    for kind in KINDS:
        net = network(kind)
        pooled = net.encode_captions(tokens, mask)
        assert pooled.shape == (7, 32) and not pooled.requires_grad
        assert (pooled[3] == 0).all()
        alone = net.encode_captions(tokens[1:2, :3], mask[1:2, :3])
        torch.testing.assert_close(alone[0], pooled[1], rtol=0, atol=1e-5)
        states = replace(full_batch, captions=pooled)
        fresh = replace(full_batch, captions=None, caption_tokens=tokens, caption_token_mask=mask)
        torch.testing.assert_close(net(states).log_probs, net(fresh).log_probs)
    full = network("gpt2", plm="full").train()
    assert full.captions_change and not net.captions_change
    assert torch.equal(full.encode_captions(tokens, mask), full.encode_captions(tokens, mask))  # no dropout
    assert full.backbone.training


def test_gates_are_returned(network, full_batch):
    gates = network()(full_batch).gates
    assert gates.alpha.shape == (7, 11, 3) and gates.beta.shape == (7, 11, N) and gates.gamma.shape == (7, N)
    assert gates.relevance.shape == (7, 2, 3)
    torch.testing.assert_close(gates.relevance[0].sum(-1), torch.ones(2))


def test_attributions_are_weights_at_the_mentions(network, full_batch):
    with torch.no_grad():
        output = network()(full_batch)
    shown = output.attributions
    assert shown.relevance is output.gates.relevance
    for row, spans in enumerate(full_batch.spans.tolist()):
        for side, (start, end) in enumerate(spans):
            at = output.gates.alpha[row, start:end].mean(0)
            torch.testing.assert_close(shown.mention_weights[row, side], at, rtol=0, atol=1e-6)


def test_photos_dropped_in_training_leave_their_rows_to_the_text(network, full_batch, text_batch):
    net = network(photo_dropout=0.5, dropout=0.0)
    torch.nn.init.normal_(net.decoder.classify_image.weight)
    with torch.no_grad():
        whole, text = net(full_batch).log_probs, net(text_batch).log_probs
        assert torch.equal(whole, net(full_batch).log_probs)  # predictions drop nothing
        net.train()
        seen = [0, 0]
        for _ in range(20):
            found = net(full_batch).log_probs
            for row in (0, 1, 2, 5):
                kept, left = ((found[row] - other[row]).abs().max() < 1e-5 for other in (whole, text))
                assert bool(kept) != bool(left), "photo and caption go together"
                seen[int(left)] += 1
    assert min(seen) > 20


def test_half_precision_features_are_read(network, full_batch):
    half = replace(full_batch, objects=full_batch.objects.half(), blocks=full_batch.blocks.half())
    single = replace(full_batch, objects=half.objects.float(), blocks=half.blocks.float())
    net = network()
    assert torch.equal(net(half).log_probs, net(single).log_probs)


@pytest.mark.parametrize("kind", KINDS)
def test_it_runs_in_bfloat16(network, full_batch, kind):
    net = network(kind)
    with torch.autocast("cpu", torch.bfloat16):
        output = net.train()(full_batch)
        losses = joint_objective(output, full_batch, net.config)
    losses.total.backward()
    assert losses.total.isfinite() and output.log_probs.dtype == torch.float32


def learning_rows(rows: int, seed: int, *, photos: bool) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    length = 6
    batch = Batch(
        tokens=torch.randint(0, 60, (rows, length), generator=generator),
        token_mask=torch.ones(rows, length, dtype=torch.bool),
        spans=torch.tensor([[[0, 2], [3, 5]]]).expand(rows, -1, -1),
        relations=torch.randint(0, R, (rows,), generator=generator),
        sentences=torch.arange(rows),
    )
    if photos:
        directions = torch.randn(R, D + C, generator=torch.Generator().manual_seed(99)) * 3
        seen = directions[batch.relations] + 0.5 * torch.randn(rows, D + C, generator=generator)
        batch = replace(
            batch,
            objects=seen[:, None, :D].expand(-1, 2, -1),
            object_mask=torch.ones(rows, 2, dtype=torch.bool),
            blocks=seen[:, None, D:].expand(-1, 4, -1),
            image_mask=torch.ones(rows, dtype=torch.bool),
        )
    return batch


def fit(net: DGF, batch: Batch, steps: int, rate: float, *, stop: bool = True) -> float:
    """Share of the rows that are learned."""
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=rate)
    for index in range(steps):
        net.train()
        loss = joint_objective(net(batch), batch, net.config).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if stop and index % 10 == 9 and accuracy(net, batch) == 1:
            break
    return accuracy(net, batch)


@torch.no_grad()
def accuracy(net: DGF, batch: Batch) -> float:
    return float((net.eval()(batch).log_probs.argmax(1) == batch.relations).float().mean())


@pytest.mark.parametrize("plm", ["frozen", "lora", "full"])
@pytest.mark.parametrize("kind", KINDS)
def test_thirty_two_shuffled_labels_are_learned(network, labels, kind, plm):
    batch = learning_rows(32, 7, photos=False)
    batch.type_targets = labels.type_targets(batch.relations)
    net = network(kind, visual=False, plm=plm, dropout=0.0)
    assert fit(net, batch, 300, 5e-3) == 1.0


def blind(batch: Batch) -> Batch:
    return replace(batch, objects=None, object_mask=None, blocks=None, image_mask=None)


def objects_alone(batch: Batch) -> Batch:
    return replace(batch, blocks=None, image_mask=None)


def image_alone(batch: Batch) -> Batch:
    return replace(batch, objects=None, object_mask=None)


@pytest.mark.parametrize("kind", KINDS)
def test_photos_that_decide_the_label_are_read_and_text_alone_stays_at_chance(network, kind):
    test = learning_rows(150, 0, photos=True)
    views = [(lambda batch: batch, 0.8, 1.0), (blind, 0.0, 0.35)]  # chance is 0.2
    if kind == "gpt2":
        views += [(objects_alone, 0.8, 1.0), (image_alone, 0.8, 1.0)]
    for see, least, most in views:
        net = network(kind, dropout=0.0)
        optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=7e-3)
        for seed in range(1, 45):  # new rows every step: nothing can be learned by heart
            batch = see(learning_rows(32, seed, photos=True))
            optimizer.zero_grad()
            joint_objective(net(batch), batch, net.config).total.backward()
            optimizer.step()
        assert least <= accuracy(net, see(test)) <= most
