"""The report: one HTML file of a results folder. Reads results; runs no model."""
