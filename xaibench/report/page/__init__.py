"""The report: one HTML file out of a results folder. Knows results; runs no model."""
