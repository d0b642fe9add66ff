"""docs/paper.md quotes code; the quotations must be there."""

import re
from dataclasses import fields
from pathlib import Path

from dgf.model.dgf_pt.config import ModelConfig

ROOT = Path(__file__).resolve().parents[2]


def test_every_quoted_line_stands_once_in_its_file():
    text = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    quotations = re.findall(r"`(model/[\w/]+\.py)`: `([^`]+)`", text)
    assert len(quotations) > 20
    for file, code in quotations:
        assert (ROOT / file).read_text(encoding="utf-8").count(code) == 1, (file, code)


def test_every_equation_and_every_key_is_spoken_of():
    text = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    for number in range(1, 15):
        spans = re.findall(r"eq\. (\d+)(?:-(\d+))?", text)
        assert any(int(a) <= number <= int(b or a) for a, b in spans), number
    unsaid = {"lora_rank", "lora_alpha", "lora_dropout", "prefix_hidden", "seed", "dropout"}
    for field in fields(ModelConfig):
        assert field.name in unsaid or f"`{field.name}" in text, field.name
