"""The shipped models with their facts, read from their cards without PyTorch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ecgsynth.synthesizer.find import shipped_models

HEADS = ("name", "classes", "leads", "samples", "Hz", "unit", "trained on", "examples", "MB")


@dataclass(frozen=True)
class ShippedModel:
    """A shipped model.

    Attributes
    ----------
    name: by which `Synthesizer.load` and the commands know it. path: its file.
    classes, leads: what it makes; samples: of an item; fs: Hz; unit: "mV" or "normalised".
    context: names of the numbers that can be held fixed.
    source: the split that it was trained on. examples: real items seen in the training.
    description: of its recipe. megabytes: of its file.
    """

    name: str
    path: Path
    classes: tuple[str, ...]
    leads: tuple[str, ...]
    samples: int
    fs: float
    unit: str
    context: tuple[str, ...]
    source: str
    examples: int
    description: str
    megabytes: float

    @classmethod
    def read(cls, name: str, path: Path) -> ShippedModel:
        """The facts in the card of a file."""
        from safetensors import safe_open

        with safe_open(path, "np") as file:
            card = json.loads(file.metadata()["card"])
        spec = card["spec"]
        return cls(
            name, path, tuple(spec["classes"]), tuple(spec["leads"]), spec["samples"], spec["fs"],
            spec["unit"], tuple(spec["context"]), card["data"]["source"], card["examples_seen"],
            card["run"].get("description", ""), round(path.stat().st_size / 1e6, 1),
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"ShippedModel({self.name}: {self.facts})"

    @property
    def facts(self) -> str:
        """What it makes and where it comes from, in one line."""
        leads = f"{len(self.leads)} lead{'s' * (len(self.leads) > 1)}"
        return (
            f"{', '.join(self.classes) or 'no classes'}; {leads}, {self.samples} samples at "
            f"{self.fs:g} Hz; {self.examples:,} examples of {self.source}; {self.megabytes:.1f} MB"
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """As a row of the table."""
        leads = "/".join(self.leads) if len(self.leads) <= 3 else f"{len(self.leads)} leads"
        return (
            self.name, ", ".join(self.classes) or "-", leads, str(self.samples), f"{self.fs:g}",
            self.unit, self.source, f"{self.examples:,}", f"{self.megabytes:.1f}",
        )  # fmt: skip


class ShippedModels(list[ShippedModel]):
    """Shipped models, printed as a table."""

    def __repr__(self) -> str:
        rows = [HEADS, *(one.cells for one in self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in rows)
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        """The table, in a notebook."""
        heads = "".join(f"<th>{head}</th>" for head in HEADS)
        rows = (
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in one.cells) + "</tr>"
            for one in self
        )
        return f"<table><tr>{heads}</tr>{''.join(rows)}</table>"


def pretrained() -> ShippedModels:
    """The shipped models with their facts, those to begin with first; printed, a table.

    `Synthesizer.load(pretrained()[0].name)` loads one.
    """
    return ShippedModels(ShippedModel.read(*one) for one in shipped_models().items())
