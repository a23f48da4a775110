"""ONNX graphs, written from a network's spec and tensors: nothing is traced, so nothing superfluous is in them."""
