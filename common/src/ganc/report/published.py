"""Published results on horse2zebra, to compare with. MACs and FIDs are those of 256x256 images."""

from dataclasses import dataclass

IMAGE_SIZE = (256, 256)
DATA = "horse2zebra"


@dataclass(frozen=True, kw_only=True)
class Published:
    """One method's result.

    Attributes:
        macs, params: of one 256x256 image; params is None where the source does not say it.
        fid: the lowest and the highest value by source; both are equal where there is one.
        approximate: the sources give MACs or FID as "about".
    """

    method: str
    macs: float
    params: float | None
    fid: tuple[float, float]
    approximate: bool = False


ORIGINAL = Published(method="original CycleGAN", macs=56.8e9, params=11.4e6, fid=(61.5, 65.8))

COMPRESSED = (
    Published(method="GAN Compression", macs=2.67e9, params=0.342e6, fid=(64.57, 65.33)),
    Published(method="Fast GAN Compression", macs=2.64e9, params=0.355e6, fid=(65.19, 65.19)),
    Published(method="DMAD", macs=2.41e9, params=0.28e6, fid=(62.96, 62.96)),
    Published(method="CAT", macs=2.6e9, params=None, fid=(60.0, 60.0), approximate=True),
    Published(method="OMGD", macs=1.408e9, params=0.137e6, fid=(51.92, 51.92)),
    Published(method="DCD", macs=1.4e9, params=0.14e6, fid=(48.24, 48.24), approximate=True),
    Published(method="CRD", macs=1.4e9, params=0.14e6, fid=(46.61, 46.61), approximate=True),
)

HORSE2ZEBRA = (ORIGINAL, *COMPRESSED)
