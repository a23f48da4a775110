"""Networks: layers, specs, search spaces and costs (all without Paddle), and the Paddle networks themselves.

The networks are in `ganc.models.generator` and `ganc.models.discriminator`; importing them imports Paddle.
"""
