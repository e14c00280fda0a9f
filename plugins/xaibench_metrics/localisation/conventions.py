"""Parts that the conventions of several localisation metrics share."""

COVERED = "exact share of each pixel of the network's input that is covered"
HALF = "pixels of the network's input of which at least half is covered"
UNION_OF_BOXES = "the union of the boxes, or else of the mask's extent"
CHANCE = "the share of the image that is covered, kept as the curve"
