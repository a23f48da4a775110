"""ganc's own files: checkpoints, search results, and writing them atomically."""
