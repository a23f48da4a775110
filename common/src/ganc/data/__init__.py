"""Images: list files and folders, image sets, batches. Needs numpy and Pillow only."""

from ganc.data.check import Finding, check_folder, count_images
from ganc.data.images import load_rgb, resize, to_float, to_rgb, to_uint8
from ganc.data.lists import ImageList, has_subset, read_images
from ganc.data.loader import batches, steps_per_epoch
from ganc.data.pairs import known_pairs, read_pairs
from ganc.data.reading import Reading, Readings
from ganc.data.saving import save_image
from ganc.data.sets import EvaluationSet, PairedSet, TrainingSet, UnpairedSet
from ganc.data.split import SearchSplit, split_search
from ganc.data.strips import strip

__all__ = [
    "EvaluationSet",
    "Finding",
    "ImageList",
    "PairedSet",
    "Reading",
    "Readings",
    "SearchSplit",
    "TrainingSet",
    "UnpairedSet",
    "batches",
    "check_folder",
    "count_images",
    "has_subset",
    "known_pairs",
    "load_rgb",
    "read_images",
    "read_pairs",
    "resize",
    "save_image",
    "split_search",
    "steps_per_epoch",
    "strip",
    "to_float",
    "to_rgb",
    "to_uint8",
]
