"""The contract of sections that plugins add to the report."""
