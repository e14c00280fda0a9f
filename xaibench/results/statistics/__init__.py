"""What can be said of the difference between explainers, and what cannot. Knows rows; runs no model."""
