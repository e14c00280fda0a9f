"""Pictures and pages of results. Reads results; runs no model."""
