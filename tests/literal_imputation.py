"""ROAD's imputation written down pixel by pixel and solved by SciPy's sparse direct solver."""

import numpy as np
import torch
from scipy.sparse import csc_matrix, dok_matrix
from scipy.sparse.linalg import spsolve

AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]


def literal(image: torch.Tensor, removed: torch.Tensor) -> torch.Tensor:
    """One equation a removed pixel, written down as the paper says it, solved by SciPy."""
    height, width = removed.shape
    unknowns = {at: i for i, at in enumerate(map(tuple, removed.nonzero().tolist()))}
    matrix, right = dok_matrix((len(unknowns),) * 2), np.zeros((len(unknowns), 3))
    for (y, x), i in unknowns.items():
        there = [(y + dy, x + dx, 1 / 6 if 0 in (dy, dx) else 1 / 12) for dy, dx in AROUND]
        there = [(v, u, w) for v, u, w in there if 0 <= v < height and 0 <= u < width]
        total = sum(w for *_, w in there)
        matrix[i, i] = 1
        for v, u, w in there:
            if (v, u) in unknowns:
                matrix[i, unknowns[v, u]] = -w / total
            else:
                right[i] += w / total * image[:, v, u].numpy()
    found = spsolve(csc_matrix(matrix), right)
    filled = image.clone()
    for (y, x), i in unknowns.items():
        filled[:, y, x] = torch.from_numpy(found[i])
    return filled
