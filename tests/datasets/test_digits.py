"""The digits are scikit-learn's, white on black."""

import numpy as np
from sklearn.datasets import load_digits
from xaibench_datasets.digits import digits


def test_each_is_the_packages_with_its_class():
    found, theirs = digits(), load_digits()
    assert [example.target for example in found] == theirs.target.tolist()
    assert len({example.id for example in found}) == len(found) == 1797
    for number in (0, 1, 1796):
        grey = np.asarray(found[number].read().picture)
        assert grey.shape == (8, 8, 3)
        np.testing.assert_array_equal(grey[..., 0], np.rint(theirs.images[number] * 255 / 16))
