"""Measuring sub-networks: their segments shared, in bounded memory, over several processes."""
