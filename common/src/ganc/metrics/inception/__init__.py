"""Inception-v3 in the variant of the Fréchet inception distance."""
