"""torchvision's Inception-v3 as pytorch-fid needs it, where torchvision itself cannot be imported.

pytorch-fid takes four of the blocks and the names of all layers from torchvision, whose compiled operators have no
build for every PyTorch. Here are a way to import the one module without the rest, and a stand-in with the layers of
"Rethinking the Inception Architecture" (arXiv 1512.00567, figures 5 to 7 and 10) where torchvision is not installed.
"""

import importlib
import importlib.util
import sys
from types import ModuleType

import torch
from torch import nn


def import_pytorch_fid():
    """Return pytorch-fid's modules inception and fid_score; sys.modules is afterwards as before, but for them."""
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "torchvision"}
    try:
        _put_torchvision()
        return importlib.import_module("pytorch_fid.inception"), importlib.import_module("pytorch_fid.fid_score")
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules.update(before)


def _put_torchvision() -> None:
    found = importlib.util.find_spec("torchvision")
    package, models, transforms = (_module(f"torchvision{part}", found) for part in ("", ".models", ".transforms"))
    package.models, package.transforms, package.__version__ = models, transforms, "0.13"
    if found:
        _module("torchvision.transforms._presets", None).ImageClassification = object
        models.inception = importlib.import_module("torchvision.models.inception")
    else:
        models.inception = _module("torchvision.models.inception", None)
        for block in (InceptionA, InceptionC, InceptionE):
            setattr(models.inception, block.__name__, block)
        models.inception.inception_v3 = Inception3
    models.inception_v3 = models.inception.inception_v3


def _module(name: str, found) -> ModuleType:
    """Register an empty module; with a path where torchvision is there, so that its parts can be imported."""
    module = ModuleType(name)
    inside = name.split(".")[1:]
    module.__path__ = ["/".join([place, *inside]) for place in found.submodule_search_locations] if found else []
    sys.modules[name] = module
    return module


class Unit(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, ins, outs, kernel, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(ins, outs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outs, eps=0.001)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class InceptionA(nn.Module):
    def __init__(self, ins, pool_features):
        super().__init__()
        self.branch1x1 = Unit(ins, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = Unit(ins, 48, 1), Unit(48, 64, 5, padding=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(ins, 64, 1), Unit(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Unit(96, 96, 3, padding=1)
        self.branch_pool = Unit(ins, pool_features, 1)


class InceptionB(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch3x3 = Unit(288, 384, 3, stride=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(288, 64, 1), Unit(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Unit(96, 96, 3, stride=2)

    def forward(self, x):
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, nn.functional.max_pool2d(x, 3, 2)], 1)


class InceptionC(nn.Module):
    def __init__(self, ins, channels_7x7):
        super().__init__()
        c, flat, tall = channels_7x7, {"kernel": (1, 7), "padding": (0, 3)}, {"kernel": (7, 1), "padding": (3, 0)}
        self.branch1x1 = Unit(ins, 192, 1)
        self.branch7x7_1, self.branch7x7_2, self.branch7x7_3 = Unit(ins, c, 1), Unit(c, c, **flat), Unit(c, 192, **tall)
        self.branch7x7dbl_1, self.branch7x7dbl_2 = Unit(ins, c, 1), Unit(c, c, **tall)
        self.branch7x7dbl_3, self.branch7x7dbl_4 = Unit(c, c, **flat), Unit(c, c, **tall)
        self.branch7x7dbl_5 = Unit(c, 192, **flat)
        self.branch_pool = Unit(ins, 192, 1)


class InceptionD(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = Unit(768, 192, 1), Unit(192, 320, 3, stride=2)
        self.branch7x7x3_1, self.branch7x7x3_2 = Unit(768, 192, 1), Unit(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3, self.branch7x7x3_4 = Unit(192, 192, (7, 1), padding=(3, 0)), Unit(192, 192, 3, stride=2)

    def forward(self, x):
        triple = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), triple, nn.functional.max_pool2d(x, 3, 2)], 1)


class InceptionE(nn.Module):
    def __init__(self, ins):
        super().__init__()
        flat, tall = {"kernel": (1, 3), "padding": (0, 1)}, {"kernel": (3, 1), "padding": (1, 0)}
        self.branch1x1 = Unit(ins, 320, 1)
        self.branch3x3_1 = Unit(ins, 384, 1)
        self.branch3x3_2a, self.branch3x3_2b = Unit(384, 384, **flat), Unit(384, 384, **tall)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(ins, 448, 1), Unit(448, 384, 3, padding=1)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = Unit(384, 384, **flat), Unit(384, 384, **tall)
        self.branch_pool = Unit(ins, 192, 1)


class Inception3(nn.Module):
    """The layers that pytorch-fid does not replace; it gives the blocks A, C and E their own forward."""

    def __init__(self, num_classes, **_):
        super().__init__()
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Unit(3, 32, 3, stride=2), Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1, self.Conv2d_4a_3x3 = Unit(64, 80, 1), Unit(80, 192, 3)
        self.Mixed_6a, self.Mixed_7a = InceptionB(), InceptionD()
        self.fc = nn.Linear(2048, num_classes)
