"""The pictures that people look at. Knows results; runs no model."""
