"""Damaged, contradicting and hostile inputs by the thousand, each judged: see `python -m fuzzing --help`."""
