"""The table of method.md, "Costs that must come out", at 256x256."""

# Widths, block, MACs in G, parameters in M, and device MACs in G where they are told.
TABLE = [
    ("64", "resnet", 56.80, 11.378, 49.55),
    ("64", "mobile", 18.31, 1.987, 11.07),
    ("32", "mobile", 4.929, 0.514, 3.117),
    ("24_24_24_32_32_32_20_16", "mobile", 2.649, 0.3416, None),
    ("16_16_32_16_32_32_16_16", "mobile", 2.525, 0.357, 1.846),
    ("32_32_48_32_48_48_16_16", "mobile", 4.962, 0.822, None),
    ("16_16_24_16_32_64_16_24", "mobile", 2.618, 0.355, None),
]
