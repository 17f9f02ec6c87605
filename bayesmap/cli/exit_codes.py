"""Exit codes of the command line; errors carry their own (`BayesmapError.exit_code`)."""

from __future__ import annotations

FINE = 0
NOT_TRUSTED = 3
IO_FAILED = 4
INTERRUPTED = 130
EXPLANATION = (
    "exit codes: 0 fine, 2 wrong input, 3 best fit or posterior not to be trusted, 4 reading or writing failed, "
    "130 interrupted"
)
