"""Stage 5: fine-tune one sub-network."""
