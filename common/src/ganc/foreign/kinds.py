"""Telling files apart by their first bytes."""

HDF5, ONNX, SAFETENSORS = "an HDF5 file", "an ONNX model", "a safetensors file"
TAR, GZIP, ZIP, PICKLE = "a tar file", "a gzip file", "a zip file", "a pickle"


def kind_of(data: bytes) -> str | None:
    """Return what a file is by its first bytes, one of this module's kinds; None: unknown."""
    if data[8:9] == b"{":  # behind the length of its JSON header
        return SAFETENSORS
    if data.startswith(b"\x89HDF\r\n\x1a\n"):
        return HDF5
    if data[:1] == b"\x08" and data[1:2] < b"\x20":  # a protocol buffer whose first field is a small version
        return ONNX
    if data[257:262] == b"ustar":
        return TAR
    if data.startswith(b"\x1f\x8b"):
        return GZIP
    if data.startswith(b"PK"):
        return ZIP
    if data[:1] == b"\x80" and data[1:2] < b"\x10":  # the protocol's number
        return PICKLE
    return None
