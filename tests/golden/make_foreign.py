"""Writes the tiny files of other programs that the import's tests read. It needs PyTorch and Paddle; the tests do not.

PYTHONPATH=tests python tests/golden/make_foreign.py tests/golden

The values are a formula of name and place, which the tests compute again.
"""

import pickle
import sys
from pathlib import Path

import numpy as np
import torch
from helpers.foreign_networks import discriminator_chain, generator_chain, shapes

MOBILE = generator_chain((2, 3, 2, 4, 2, 3, 2, 1), "mobile", 3, True)
RESNET = generator_chain((1,) * 8, "resnet", 3, False)
JUDGE = discriminator_chain(1, 3)


def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers that a float16 holds exactly."""
    return np.float32((np.arange(np.prod(shape)) * 7 + len(name)) % 31 - 15).reshape(shape) / 16


def of(chain, norm: str = "plain") -> dict[str, np.ndarray]:
    return {
        name: values(name, shape) if value is None else np.full(shape, value, np.float32)
        for name, shape, value in shapes(chain, norm)
    }


def main(folder: Path) -> None:
    """Write the three files."""
    views = {}
    for name, array in of(MOBILE).items():  # in larger storages, as what is left of a supernet
        large = torch.full([side + 1 for side in array.shape], 99.0)
        views[name] = large[tuple(slice(1, None) for _ in array.shape)].copy_(torch.from_numpy(array))
    torch.save(views, folder / "foreign-mobile-zip.pth")
    wrapped = {f"module.{name}": torch.from_numpy(array).half() for name, array in of(RESNET).items()}
    torch.save(wrapped, folder / "foreign-resnet-legacy.pth", _use_new_zipfile_serialization=False)
    networks = {"netG_A": of(RESNET, "affine"), "netD_A": of(JUDGE, "affine"), "epoch": 200}
    (folder / "foreign-paddlegan.pdparams").write_bytes(pickle.dumps(networks, protocol=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
