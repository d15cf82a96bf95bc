"""No captions, the default."""


def no_captioner() -> None:
    """Return None: images get no caption, and nothing is loaded for it."""
