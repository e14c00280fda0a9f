"""Metrics that test whether an explanation depends on the image, the weights and the class.

The specifications and conventions of all functions in this folder are in `specs.py`.
"""
