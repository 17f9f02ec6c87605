"""What tells whether a fit describes its data."""
