"""Statistics of the differences between explainers. Reads rows; runs no model."""
