"""Metrics of what a map costs: time, passes and memory.

The specifications and conventions of all functions in this folder are in `specs.py`.
"""
