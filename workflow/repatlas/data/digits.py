"""The handwritten digits that scikit-learn carries: 1,797 real images of 8 x 8 pixels.

They are the test part of Alpaydin and Kaynak's Optical Recognition of Handwritten Digits (UCI).
"""

import numpy as np

from repatlas.data.content import Content, part_of
from repatlas.data.known import DIGITS_TEST, KNOWN
from repatlas.data.order import stratified_order

WHITE = 16


def read() -> Content:
    """512 test and 1,285 training images, stratified.

    The test images are the first 512 of the stratified order with the key ("digits split",), a
    fixed draw; both halves keep scikit-learn's order. Values 0..16 become round(v * 255 / 16).
    """
    # Imported on call: it takes seconds, and only this data set needs it.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / WHITE)).astype(np.uint8)[:, None]
    order = stratified_order(bunch.target, "digits split")
    test, train = np.sort(order[:DIGITS_TEST]), np.sort(order[DIGITS_TEST:])
    known = KNOWN["digits"]
    return Content(
        shape=known.shape,
        classes=known.classes,
        train=part_of(bunch.target[train], images[train]),
        test=part_of(bunch.target[test], images[test]),
    )
