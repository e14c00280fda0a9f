"""The contract of commands that plugins add to the command line."""
