"""Training: a network on a data set's examples, cross-validated, and studies of what training does."""
