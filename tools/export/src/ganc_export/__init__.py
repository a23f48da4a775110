"""Stage 6: export a generator as a checkpoint and as models for Paddle Inference, ONNX Runtime and OpenVINO."""
