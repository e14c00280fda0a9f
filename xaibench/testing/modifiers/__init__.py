"""The contract of modifiers: that of explainers, kept by what a modifier makes of two explainers."""
