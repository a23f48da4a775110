"""What tests and benchmarks share: a browser that is driven, and a public program's Inception network."""
