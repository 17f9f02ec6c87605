"""Whether a posterior may be trusted, with the figures that say so; `checks.verdict` fills it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from bayesmap.errors import printable


@dataclass(frozen=True)
class Verdict:
    """Verdict on a posterior.

    Parameters
    ----------
    reasons : tuple of str
        Why it should not be trusted, each beginning with one word (``not_converged``, ``few_draws``, ``divergent``,
        ``low_energy``, ``tree_depth``, ``at_bound``, ``exchangeable``, ``multimodal``, ``ridge``,
        ``few_chains``, ``interrupted``, ``not_finite``, ``approximate``). Empty: it may.
    measures : dict
        Name -> figure: ``r_hat``, ``ess_bulk`` and ``ess_tail`` of the worst parameter, ``divergences``, ``e_bfmi``,
        ``max_treedepth_fraction``, ``chains``, ``draws``.
    notes : tuple of str
        What else the user should know.
    """

    reasons: tuple[str, ...]
    measures: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True if there is no reason against it."""
        return not self.reasons

    @property
    def status(self) -> str:
        """``"ok"``, or the words of the reasons."""
        return "ok" if self.ok else ", ".join(dict.fromkeys(reason.split(":")[0] for reason in self.reasons))

    def __str__(self) -> str:
        """Show the verdict first."""
        head = "posterior: ok" if self.ok else "posterior NOT TO BE TRUSTED"
        figures = ", ".join(f"{name} {value:.4g}" for name, value in self.measures.items())
        lines = [f"{head} ({figures})", *(f"- {reason}" for reason in self.reasons), *self.notes]
        return "\n".join(map(printable, lines))  # it may have been read from a file

    def to_json(self) -> str:
        """Return it as text, for an attribute of a stored result."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Verdict:
        """Return the verdict that `to_json` wrote."""
        data = json.loads(text)
        return cls(tuple(data["reasons"]), data["measures"], tuple(data["notes"]))
