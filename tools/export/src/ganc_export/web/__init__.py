"""The format `web`: a static folder whose page runs the generator in a visitor's browser, on ONNX Runtime Web."""
