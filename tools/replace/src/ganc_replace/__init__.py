"""Stage 1: train a CycleGAN whose generators are made of mobile blocks."""
