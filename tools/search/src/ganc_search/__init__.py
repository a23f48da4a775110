"""Stage 4: search the supernet's sub-networks for cost and quality."""
