"""Loss functions: adversarial ones, distances between images by name, and what a user says of these."""
