"""Translate an image in ONNX Runtime: python run_onnx.py dist/onnx/generator.onnx horse.jpg zebra.png"""

import sys

import numpy as np
import onnxruntime
from PIL import Image

model, source, target = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

pixels = np.asarray(Image.open(source).convert("RGB"))
height, width = pixels.shape[:2]
padding = ((0, -height % 4), (0, -width % 4), (0, 0))  # height and width have to be multiples of 4
padded = np.pad(pixels, padding, mode="reflect")
image = padded.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1  # 1 x 3 x height x width, from -1 to 1

translation = session.run(None, {"image": image})[0]
levels = (translation[0].transpose(1, 2, 0) + 1) * 127.5
Image.fromarray(levels.astype(np.uint8)[:height, :width]).save(target)
