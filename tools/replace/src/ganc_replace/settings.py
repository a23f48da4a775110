"""What a user sets of stage 1: the networks, where they start from, and the weights of their losses."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ganc.base.errors import SettingError
from ganc.base.settings import check_limits, setting
from ganc.models.family import (
    BLOCKS,
    DEFAULT_BLOCK,
    DEFAULT_BLOCK_COUNT,
    DEFAULT_FAMILY,
    DISCRIMINATOR_WIDTH,
    ORIGINAL_BLOCK,
    Widths,
)
from ganc.models.task import CYCLEGAN, Task
from ganc.training.recipes import DEFAULTS_WITHOUT_GAN, Recipe

if TYPE_CHECKING:
    from ganc.models.spec import GeneratorSpec

SCHEDULE = {"epochs": 100, "decay_epochs": 100}
# What --recipe brings, and which recipe there is without it.
RECIPES, USUAL = DEFAULTS_WITHOUT_GAN, Recipe.PUBLISHED


@dataclass(frozen=True, kw_only=True)
class CycleSettings:
    """A CycleGAN. The weights are those of the published one unless others are said.

    Raises:
        SettingError: a value is outside its limits.
    """

    width: int = setting("Base width of the generators, all segments alike.", 64, least=1)
    widths: Widths | None = setting("Base widths segment by segment, instead of --width.", None)
    family: str = setting("The family of generators.", DEFAULT_FAMILY)
    block: str = setting(f"{ORIGINAL_BLOCK} is the original.", DEFAULT_BLOCK, choices=BLOCKS)
    n_blocks: int = setting("Residual blocks, a multiple of 3.", DEFAULT_BLOCK_COUNT, least=1)
    dropout: float = setting("Dropout in the blocks.", 0.0, least=0, below=1)
    discriminator_width: int | None = setting(
        "Base width of the discriminators.", None, least=1, default_text=str(DISCRIMINATOR_WIDTH)
    )
    init_from: Path | None = setting("A checkpoint whose tensors to start from where they fit.", None)
    original_weight: float = setting(
        "Weight of the L1 distance to the images that --init-from's generators make.", 0.0, least=0
    )
    gan_weight: float = setting("Weight of the GAN losses; 0 trains no discriminators.", CYCLEGAN.gan_weight, least=0)
    cycle_weight: float = setting("Weight of the cycle losses.", CYCLEGAN.cycle_weight, least=0)
    identity_weight: float = setting(
        "Weight of identity losses, times --cycle-weight.", CYCLEGAN.identity_weight, least=0
    )

    def __post_init__(self):
        check_limits(self)
        if self.original_weight and not self.init_from:
            raise SettingError(
                f"--original-weight {self.original_weight:g}, which --recipe imitate has too: name the original with "
                "--init-from"
            )
        if self.discriminator_width and not self.gan_weight:
            raise SettingError(
                f"--discriminator-width {self.discriminator_width}: no discriminator trains, as the GAN losses have "
                "weight 0; leave it out, or give --gan-weight"
            )
        if not (self.gan_weight or self.cycle_weight or self.original_weight):
            raise SettingError("all losses have weight 0: give one of --gan-weight, --cycle-weight, --original-weight")

    @property
    def generator(self) -> "GeneratorSpec":
        """The spec of both generators."""
        from ganc.models.families import family_named  # these build layers, which --help does without
        from ganc.models.spec import GeneratorSpec

        return GeneratorSpec(
            family=self.family,
            widths=family_named(self.family).full_widths(self.widths or (self.width,)),
            block=self.block,
            n_blocks=self.n_blocks,
            dropout=self.dropout,
        )

    @property
    def task(self) -> Task:
        """CycleGAN with these weights."""
        return replace(
            CYCLEGAN,
            gan_weight=self.gan_weight,
            cycle_weight=self.cycle_weight,
            identity_weight=self.identity_weight,
        )
