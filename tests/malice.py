"""A pickle that would run code."""


class Malice:
    """Leaves a file where a pickle of it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")
