"""The contract of metrics, and the maps and images that it scores."""
