"""What a user sets of stage 5 unless told otherwise. Needs neither numpy nor Paddle."""

from ganc.training.recipes import DEFAULTS, Recipe

SCHEDULE = {"epochs": 200, "decay_epochs": 200}
# What --recipe brings, and which recipe there is without it.
RECIPES, USUAL = DEFAULTS, Recipe.IMITATE
