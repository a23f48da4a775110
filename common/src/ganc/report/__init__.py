"""What people look at: comparisons, plots, charts, descriptions of files."""
