"""What knows no network and no kind of file: errors, keyed draws, digests, atomic writes, the cache, text."""
