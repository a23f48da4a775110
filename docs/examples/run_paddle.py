"""Translate an image in Paddle Inference: python run_paddle.py dist/paddle/generator.json horse.jpg zebra.png"""

import sys

import numpy as np
from paddle import inference
from PIL import Image

model, source, target = sys.argv[1:]  # the model is .json of Paddle 3, .pdmodel of Paddle 2
config = inference.Config(model, model.rpartition(".")[0] + ".pdiparams")
(getattr(config, "enable_onednn", None) or config.enable_mkldnn)()  # without it a CPU takes three times as long
predictor = inference.create_predictor(config)

pixels = np.asarray(Image.open(source).convert("RGB"))
height, width = pixels.shape[:2]
padding = ((0, -height % 4), (0, -width % 4), (0, 0))  # height and width have to be multiples of 4
padded = np.pad(pixels, padding, mode="reflect")
image = padded.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1  # 1 x 3 x height x width, from -1 to 1

predictor.get_input_handle("image").copy_from_cpu(image)
predictor.run()
translation = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()
levels = (translation[0].transpose(1, 2, 0) + 1) * 127.5
Image.fromarray(levels.astype(np.uint8)[:height, :width]).save(target)
