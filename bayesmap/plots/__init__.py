"""Pictures of maps and results; each function takes what it shows and returns the matplotlib figure."""
