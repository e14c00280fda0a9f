"""The contract of architectures, which are networks to be trained."""
