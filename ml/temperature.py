"""How sure the model may be: its probabilities made sharper or softer by what earlier predictions would have needed.

Temperature scaling (Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017): p^(1/T),
scaled to sum to 1. The one distribution stays one: probabilities, buckets and quantiles move together.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def tempered(probabilities: Floats, temperatures: Floats | float) -> Floats:
    """The probabilities at a temperature: below 1 they are surer than they were, above 1 less sure.

    Args:
        probabilities: of each class, shape (n, classes), not negative, each row's sum above 0.
        temperatures: one for all, or one for each row, shape (n,); above 0.
    """
    # Scaled first: the largest is 1 then, and its power cannot vanish.
    scaled = probabilities / probabilities.max(axis=1, keepdims=True)
    powers: Floats = scaled ** np.reshape(1 / np.asarray(temperatures), (-1, 1))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers
