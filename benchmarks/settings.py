"""Settings of a run of the benchmarks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "BAYESMAP_REFERENCE_DATA"


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Parameters
    ----------
    quick : bool
        True for a trial of the code: few repetitions and small limits, figures that mean little.
    """

    quick: bool = False

    @property
    def folder(self) -> Path:
        """Reference data."""
        return Path(os.environ[VARIABLE])

    @property
    def runs(self) -> int:
        """Repetitions whose median counts."""
        return 2 if self.quick else 5

    def limit(self, seconds: float) -> float:
        """Return a limit of time in seconds."""
        return min(seconds, 15.0) if self.quick else seconds
