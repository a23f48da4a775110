"""The files of a Paddle inference model in an exported folder."""

PARAMETERS = "generator.pdiparams"
PROGRAMS = ("generator.json", "generator.pdmodel")  # Paddle 3 and Paddle 2
