"""Named sets of the network's keys; the trainer holds the optimiser's (learning rate, batch size, epochs)."""

from typing import Any

#: `paper` is section 4 and Table 3; `finetune` trains the language model itself, for text; `demo` is small and quick.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "finetune": {"plm": "full", "prefix_depth": "input", "markers": True, "dropout": 0.1, "type_weight": 0.9},
    "demo": {"prefix_hidden": 32, "dropout": 0.1},
}
