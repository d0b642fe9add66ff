import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.model.catalog import MODEL_KINDS
from dgf.pipeline.errors import UserError
from dgf.workflows.config import dump_config, load_config, names_language_model, resolve_config


def test_the_default_is_the_papers_table_3() -> None:
    config = resolve_config()
    assert (config.optim.learning_rate, config.optim.batch_size, config.optim.epochs) == (2e-4, 100, 20)
    assert (config.model.dropout, config.model.delta, config.data.max_length) == (0.6, 0.4, 128)
    assert config.model.plm == "frozen" and config.language_model == "gpt2"


@pytest.mark.parametrize(
    ("name", "preset"), [(name, each) for name, kind in MODEL_KINDS.items() for each in kind.presets]
)
def test_every_preset_of_every_model_is_valid_and_comes_back_from_yaml(name: str, preset: str, tmp_path: Path) -> None:
    config = resolve_config(preset, overrides=[f"model.name={name}"])
    assert config.model.name == name
    (tmp_path / "config.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "config.yaml") == config


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 99),
    st.floats(1e-6, 1),
    st.sampled_from(["frozen", "full", "lora"]),
    st.integers(0, 2**31 - 1),
)
def test_words_reach_the_configuration(epochs: int, rate: float, plm: str, seed: int) -> None:
    words = [f"optim.epochs={epochs}", f"optim.learning_rate={rate!r}", f"model.plm={plm}", f"seed={seed}"]
    config = resolve_config(overrides=words)
    assert (config.optim.epochs, config.optim.learning_rate) == (epochs, rate)
    assert (config.model.plm, config.seed, config.model.seed) == (plm, seed, seed)


def test_words_win_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("optim: {epochs: 3, batch_size: 7}\nmodel:\n  delta: 0.5\n")
    config = resolve_config("finetune", file, ["optim.epochs=2"])
    assert (config.optim.epochs, config.optim.batch_size, config.model.delta) == (2, 7, 0.5)
    assert config.model.plm == "full"


def test_rates_written_without_a_dot_are_numbers() -> None:
    assert resolve_config(overrides=["optim.learning_rate=3e-5"]).optim.learning_rate == 3e-5


def test_a_list_of_the_input_order_is_accepted() -> None:
    config = resolve_config(overrides=["model.input_order=[text, image, objects]"])
    assert config.model.input_order == ("text", "image", "objects")


@pytest.mark.parametrize("word", ["text,image,objects", "text image objects", "[text, image, objects]"])
def test_the_input_order_is_written_as_people_write_it(word: str, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(f"model: {{input_order: {word if word[0] == '[' else repr(word)}}}\n")
    for config in (
        resolve_config(overrides=[f"model.input_order={word}"]),
        resolve_config(file=tmp_path / "my.yaml"),
    ):
        assert config.model.input_order == ("text", "image", "objects")


@pytest.mark.parametrize("word", ["off", "'off'", "false"])
def test_off_is_a_word_on_the_command_line_and_in_a_file(word: str, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(f"model:\n  type_restriction: {word}\n")
    for config in (
        resolve_config(overrides=[f"model.type_restriction={word}"]),
        resolve_config(file=tmp_path / "my.yaml"),
    ):
        assert config.model.type_restriction == "off"


def test_captions_are_a_path_or_a_list_of_paths(tmp_path: Path) -> None:
    config = resolve_config(overrides=["data.captions=[train.txt, val.txt]"])
    assert config.data.captions == ("train.txt", "val.txt")
    (tmp_path / "config.yaml").write_text(dump_config(config, sealed=True))
    assert load_config(tmp_path / "config.yaml") == config
    assert resolve_config(overrides=["data.captions=shards"]).data.captions == "shards"
    for wrong in ("[]", "[1]", "3", "['']"):
        with pytest.raises(UserError, match=r"1 fault\(s\)(?s:.*)data\.captions: .*path"):
            resolve_config(overrides=[f"data.captions={wrong}"])


def test_rows_are_chosen_by_shots_or_by_a_share() -> None:
    with pytest.raises(UserError, match=r"data\.shots, data\.train_share: both choose the training rows"):
        resolve_config(overrides=["data.shots=5", "data.train_share=0.5"])
    assert resolve_config(overrides=["data.shots=none"]).data.shots is None
    assert resolve_config(overrides=["seed=3"]).data_seed == 3
    assert resolve_config(overrides=["seed=3", "data.seed=0"]).data_seed == 0


def test_all_faults_are_shown_together(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("model: {plm: thawed, delat: 1}\noptim: {epochs: 0}\nsede: 1\n")
    with pytest.raises(UserError) as caught:
        resolve_config(file=file, overrides=["nonsense"])
    message = str(caught.value)
    assert "5 fault(s)" in message and "bad.yaml" in message
    for part in (
        "model.plm",
        "model.delat: unknown key; did you mean model.delta?",
        "optim.epochs",
        "seed?",
        "'nonsense'",
    ):
        assert part in message


@pytest.mark.parametrize("text", ["a: [", "- 1", "1: 2", "!!python/object/apply:os.system ['true']"])
def test_what_is_no_configuration_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"bad\.yaml"):
        resolve_config(file=file)


def test_faults_of_the_network_are_named() -> None:
    with pytest.raises(UserError, match="temperature"):
        resolve_config(overrides=["model.temperature=-1"])


def test_an_unknown_preset_lists_the_presets() -> None:
    with pytest.raises(UserError, match="finetune"):
        resolve_config("papper")


def test_a_file_names_the_language_model_only_where_it_says_so(tmp_path: Path) -> None:
    silent, named = tmp_path / "silent.yaml", tmp_path / "named.yaml"
    silent.write_text("seed: 1\n")
    named.write_text("language_model: gpt2\n")
    assert not names_language_model(None, ["seed=1"])
    assert not names_language_model(silent, [])
    assert names_language_model(named, []) and names_language_model(silent, ["language_model=gpt2"])


def test_a_sealed_configuration_shows_changes(tmp_path: Path) -> None:
    config, file = resolve_config("demo"), tmp_path / "config.yaml"
    text = dump_config(config, sealed=True)
    assert text.startswith(dump_config(config)) and "# sha256 " in text.splitlines()[-1]
    file.write_text(text)
    assert load_config(file) == config
    changed = text.replace("seed: 0", "seed: 1")
    file.write_text(changed)
    with pytest.raises(UserError, match=r"changed after `dgf train` wrote it(?s:.*)dgf eval --data(?s:.*)# sha256"):
        load_config(file)
    file.write_text("\n".join(changed.splitlines()[:-1]))  # on purpose
    assert load_config(file).seed == 1


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("optim.optimizer=adam", "'adam' is none of: adamw, sgd"),
        ("optim.decay=some", "'some' is none of: matrices, all"),
        ("optim.warmup_steps=0", "greater than or equal to 1"),
        ("optim.warmup_steps=0.5", "optim.warmup_steps: "),
        ("optim.clip_norm=0", "greater than 0"),
    ],
)
def test_what_an_optimizer_cannot_be_is_refused(word: str, fault: str) -> None:
    with pytest.raises(UserError, match=re.escape(fault)):
        resolve_config(overrides=[word])


def test_mtb_is_trained_as_its_script_trains_it() -> None:
    optim = resolve_config(overrides=["model.name=mtb"]).optim
    assert (optim.warmup_steps, optim.clip_norm, optim.weight_decay, optim.decay) == (300, None, 0.01, "matrices")
    assert (optim.epochs, optim.batch_size, optim.learning_rate, optim.optimizer) == (3, 64, 2e-5, "adamw")
