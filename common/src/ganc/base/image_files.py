"""What options, checkpoints and writers know of image files."""

LARGEST_SIDE = 65_535  # of an image, in pixels
QUALITY = 95  # of JPEG and WebP, from 1 to 100
