"""Predicting a metric from the widths: models of it, their check, and which sub-networks are worth measuring next."""
