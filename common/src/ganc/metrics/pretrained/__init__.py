"""Feature sets that are networks which somebody trained on other images, described as layers and run by any engine."""
