"""The rows of the ablation: one file in configs/ablation/ each, and what has to be trained for them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from common.presets import label_training, load_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "ablation"
ORIGINAL = "2022"
KINDS = {"pits": "pit", "dyns": "dyn"}
# file -> what the table calls it, in the table's order
TITLES = {
    ORIGINAL: "the original recipe",
    "repair-1-gelu": "original, cause 1 repaired: one GELU",
    "repair-2-eval": "original, cause 2 repaired: eval mode",
    "repair-3-mask": "original, cause 3 repaired: loss on visible frames",
    "repair-4-voicing": "original, cause 4 repaired: voicing",
    "repair-5-rate": "original, cause 5 repaired: sample rate",
    "repair-6-centre": "original, cause 6 repaired: centred labels",
    "repair-7-decibels": "original, cause 7 repaired: relative dB",
    "repair-8-training": "original, cause 8 repaired: shuffled, lr 5e-4",
    "ours": "all repaired, whole HuBERTs",
    "ours-speed": "all repaired, and crops at other speeds",
    "ours-frozen": "all repaired, light heads on a frozen trunk",
    "break-1-gelu": "ours, but cause 1: two GELUs",
    "break-2-eval": "ours, but cause 2: train mode at inference",
    "break-3-mask": "ours, but cause 3: loss on hidden frames",
    "break-4-voicing": "ours, but cause 4: no voicing",
    "break-5-rate": "ours, but cause 5: YIN at the wrong rate",
    "break-6-centre": "ours, but cause 6: labels 10 ms early",
    "break-7-linear": "ours, but cause 7: linear RMS",
    "break-8-training": "ours, but cause 8: in order, lr 1e-5",
    "break-8-order": "ours, but of cause 8 the order alone",
}
ONCE = tuple(name for name in TITLES if name.startswith("break-"))  # one training: a third of the time saved
CONVERTED = ("content only", ORIGINAL, "ours", "ours-frozen", "tracker")  # rows of the conversion table


@dataclass(frozen=True)
class Recipe:
    """One row. name: its file in configs/ablation/ without the suffix."""

    name: str

    def seeds(self, wanted: range) -> range:
        """Of the wanted seeds those that it is trained with."""
        return wanted[:1] if self.name in ONCE else wanted

    @property
    def path(self) -> Path:
        return CONFIGS / f"{self.name}.toml"

    @cached_property
    def config(self) -> dict:
        return load_config(self.path)

    def flaw(self, name: str) -> bool:
        """Whether a switch of the table [ablation] is on."""
        return self.config.get("ablation", {}).get(name, False)

    def label_table(self, kind: str) -> dict:
        """[labels.pit] or [labels.dyn], with the switch that changes what its labels are."""
        table = dict(self.config["labels"][KINDS[kind]])
        return {**table, "range_from_data": self.flaw("range_from_data")} if kind == "dyns" else table

    def label_name(self, kind: str) -> str:
        """Folder of its labels: recipes with the same label settings share one."""
        return f"{kind}-{_digest(self.label_table(kind))}"

    def run_name(self, kind: str, seed: int) -> str:
        """Folder of its training: recipes that train alike share one."""
        config, train = self.config, self.config["train"]
        frozen = train["hubert"]["trunk"] == "frozen"
        network = (config["head"], train["head"]) if frozen else label_training(config, kind)
        return f"{kind}-{_digest([self.label_table(kind), config['hubert'], network])}-seed{seed}"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]
