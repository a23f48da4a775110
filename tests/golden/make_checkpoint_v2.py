"""Writes the golden checkpoint of version 2. Run it once for a version; the file must then be readable for ever.

That of version 1 has the same content.

python tests/golden/make_checkpoint_v2.py tests/golden/checkpoint-v2.safetensors
"""

import sys
from pathlib import Path

import numpy as np

from ganc.files.checkpoint import Checkpoint, write_checkpoint
from ganc.models.convolutions import NetworkState, tensor_shapes
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec, GeneratorSpec
from ganc.models.task import CYCLEGAN

GENERATOR = GeneratorSpec(widths=(1, 1, 1, 2, 1, 1, 1, 2), n_blocks=3)
SPECS = {
    "generator": GENERATOR,
    "generator_b": GeneratorSpec(widths=(1,) * 8, block="resnet", n_blocks=3, dropout=0.5),
    "discriminator": DiscriminatorSpec(width=1, n_layers=1),
    "discriminator_b": DiscriminatorSpec(width=2, n_layers=1),
    "adaptors": AdaptorsSpec(in_channels=GENERATOR.tap_channels, out_channels=(4, 4, 4, 4)),
}
TRAINING = {
    "data": "d" * 64,
    "image_size": [64, 48],
    "metric": {"name": "untrained-conv3-v1", "value": 2.5, "images": 60, "verified": True},
    "seed": 7,
    "steps": 1200,
    "note": "Pferde-Größe 馬",
}


def made_state(spec, offset: int) -> NetworkState:
    """Return tensors that need no random numbers: they count up in steps of 1/64."""
    tensors = {}
    for name, shape in tensor_shapes(spec).items():
        values = (np.arange(np.prod(shape)) + offset) % 129 / 64 - 1
        tensors[name] = values.reshape(shape).astype(np.float32)
        offset += values.size
    return NetworkState(spec, tensors)


CHECKPOINT = Checkpoint(
    stage="replace",
    task=CYCLEGAN,
    direction="BtoA",
    networks={name: made_state(spec, index) for index, (name, spec) in enumerate(SPECS.items())},
    training=TRAINING,
    sources={"init_from": "5" * 64},
)

if __name__ == "__main__":
    write_checkpoint(Path(sys.argv[1]), CHECKPOINT)
