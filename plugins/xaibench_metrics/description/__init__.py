"""Metrics that describe a map and do not rank explainers.

The specifications and conventions of all functions in this folder are in `specs.py`.
"""
