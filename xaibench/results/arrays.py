"""Types of the statistics' arrays, each with its shape.

n images, T trials (an image with a class asked about), E explainers, R resamples, k parts that a
score is summed up from.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

Numbers = Float[np.ndarray, "..."]
Vector = Float[np.ndarray, " n"]
Each = Float[np.ndarray, " E"]
Scores = Float[np.ndarray, "T E"]  # NaN where there is none
Parts = Float[np.ndarray, "T E k"]  # 0 where there is none
ByImage = Float[np.ndarray, "n E"]
Totals = Float[np.ndarray, "n *rest k"]  # parts, summed over the trials of an image
Times = Float[np.ndarray, "R n"]  # how often an image is in a resample
Square = Float[np.ndarray, "E E"]
Pairs = Bool[np.ndarray, "E E"]
Defined = Bool[np.ndarray, "T E"]
Flags = Bool[np.ndarray, " E"]
Whole = Int[np.ndarray, " n"]
Places = Int[np.ndarray, " T"]  # which image each trial is of
