"""Stage 2: distill a teacher generator into a thinner student."""
