"""The contract of models, and the test that a grid of activations lies on its image upright."""
