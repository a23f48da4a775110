"""Feature sets that are networks trained on other images, described as layers and run by any engine."""
