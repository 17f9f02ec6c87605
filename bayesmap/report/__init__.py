"""One self-contained HTML page on an analysis: what was found, whether to trust it, and where it comes from."""

from bayesmap.report.write import write_report

__all__ = ["write_report"]
