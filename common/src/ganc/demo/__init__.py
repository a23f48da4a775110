"""The drawn set of pictures."""
