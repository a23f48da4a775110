"""Stage 6: export a generator as a checkpoint and a Paddle inference model."""
