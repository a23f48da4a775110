"""EfficientNet-Lite0, trained on ImageNet, as a feature set that needs no weights from elsewhere."""
