"""The contract of data sets."""
