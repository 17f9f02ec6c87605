"""Numbers that say how much work an inference shall do."""

from __future__ import annotations

import numpy as np

from bayesmap.errors import BayesmapInputError

LARGEST = 2**63
"""Samplers hold their numbers in 64 bits."""
FROM_ZERO = ("tune", "random_seed")


def check_numbers(**numbers: float | None) -> None:
    """Refuse numbers below one (tune and random_seed: below zero), and an acceptance outside (0, 1).

    Raises
    ------
    BayesmapInputError
        BM-FT-005.
    """
    for name, number in numbers.items():
        if number is None:
            continue
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        smallest = 0 if name in FROM_ZERO else 1
        accepted = 0.0 < number < 1.0 if name == "target_accept" else whole and smallest <= number < LARGEST
        if not accepted:
            raise BayesmapInputError(
                "BM-FT-005",
                what=f"{name} is {number!r}",
                rule="starts, draws, chains, cores and max_treedepth are whole numbers above zero, tune and "
                "random_seed from zero on, below 2^63; target_accept lies between 0 and 1",
                remedy="Correct it",
            )


def seed_of(random_seed: int | None) -> int:
    """Return the seed, a random one where none is given."""
    return int(np.random.SeedSequence().generate_state(1)[0]) if random_seed is None else int(random_seed)
