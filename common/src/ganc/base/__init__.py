"""Errors, keyed draws, digests, atomic writes, the cache, text. Nothing here knows a network or a kind of file."""
