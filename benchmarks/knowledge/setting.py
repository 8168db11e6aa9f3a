"""What a row may use: where the data are, where things are kept, and how much time there is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from petra.settings import Settings, load


@dataclass(frozen=True)
class Setting:
    """`data` has the labelled sets, `kept` is where data directories stay from run to run, `repositories`
    the seven of semble's benchmark. `repetitions` is 1 in a quick run."""

    data: Path
    kept: Path
    repositories: Path
    repetitions: int

    @property
    def quick(self) -> bool:
        """Whether somebody wants an impression."""
        return self.repetitions == 1

    @property
    def evaluation(self) -> Path:
        """The data directory of the labelled sets."""
        return self.kept / "evaluation"

    def settings(self, data_dir: Path) -> Settings:
        """A person's settings for another data directory."""
        usual = load()
        return load({"data_dir": data_dir.absolute(), "models_dir": usual.models, "port": 0})

    def model(self, name: str) -> Path:
        """An installed model's folder."""
        return load().models / name
