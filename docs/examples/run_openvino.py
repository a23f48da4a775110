"""Translate an image in OpenVINO: python run_openvino.py dist/openvino/generator.xml horse.jpg zebra.png"""

import sys

import numpy as np
import openvino
from PIL import Image

model, source, target = sys.argv[1:]
settings = {"INFERENCE_PRECISION_HINT": "f32"}  # else OpenVINO takes bf16 where there is some
compiled = openvino.Core().compile_model(model, "CPU", settings)

pixels = np.asarray(Image.open(source).convert("RGB"))
height, width = pixels.shape[:2]
padding = ((0, -height % 4), (0, -width % 4), (0, 0))  # height and width have to be multiples of 4
padded = np.pad(pixels, padding, mode="reflect")
image = padded.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1  # 1 x 3 x height x width, from -1 to 1

translation = compiled([image])[0]
levels = (translation[0].transpose(1, 2, 0) + 1) * 127.5
Image.fromarray(levels.astype(np.uint8)[:height, :width]).save(target)
