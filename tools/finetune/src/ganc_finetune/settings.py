"""What a user sets of stage 5. Needs neither numpy nor Paddle."""

from dataclasses import dataclass

from ganc.base.choosing_images import ChoosingImages
from ganc.base.settings import setting
from ganc.training.recipes import DEFAULTS, Recipe
from ganc.training.settings import RunSettings

SCHEDULE = {"epochs": 200, "decay_epochs": 200}
# What --recipe brings, and which recipe there is without it.
RECIPES, USUAL = DEFAULTS, Recipe.IMITATE


@dataclass(frozen=True, kw_only=True)
class FinetuneRun(RunSettings):
    """A run whose best network is kept.

    Attributes:
        choose_on: None takes the search images where the folder has some, else the test images.
    """

    choose_on: ChoosingImages | None = setting(
        "Images that choose the best network; its metric is that of the test images.",
        None,
        default_text="search where there is searchA.txt, else test",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.choose_on is not None:
            object.__setattr__(self, "choose_on", ChoosingImages(self.choose_on))
