"""Stage 3: train the student as a once-for-all supernet."""
