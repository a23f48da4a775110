"""The drawn set of images."""
