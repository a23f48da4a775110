"""Which sub-networks to measure next."""
