"""The verdict: which explainers may be best, which beat the controls, and how sure that is."""
