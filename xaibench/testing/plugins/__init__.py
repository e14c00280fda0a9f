"""The contracts of everything that one installed plugin offers."""
