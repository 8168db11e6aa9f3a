"""The labelled collections that are measured, and where they are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
"""Collections in the layout of BEIR, and semble's questions; not part of this repository."""


@dataclass(frozen=True)
class Texts:
    """A collection in BEIR's layout. `suffix` is the kind of file that its documents are; `aim` the least
    nDCG@10, `stretch` what would be better still."""

    name: str
    suffix: str
    aim: float
    stretch: float


TEXTS = (
    Texts("scifact", ".md", 0.735, 0.745),
    Texts("cosqa-dev", ".py", 0.60, 0.62),
    Texts("xquad-en", ".md", 0.98, 0.985),
)
CODE_AIM, CODE_STRETCH = 0.890, 0.905
