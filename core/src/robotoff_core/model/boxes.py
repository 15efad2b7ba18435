"""Bounding boxes. Everywhere in the engine a box is ``(y_min, x_min, y_max, x_max)``, origin top left.

*Relative* boxes are fractions 0..1 of the full-size, unrotated image; *absolute* ones are its pixels.
"""

__all__ = ["Box", "clamp_box", "relative_box"]

Box = tuple[float, float, float, float]


def clamp_box(box: Box) -> Box:
    """A relative box limited to the image."""
    return (max(box[0], 0.0), max(box[1], 0.0), min(box[2], 1.0), min(box[3], 1.0))


def relative_box(absolute: Box, width: int, height: int) -> Box:
    """An absolute box (pixels) as a relative one, clamped to the image.

    *width* and *height* are the full image's, in pixels. Raises :class:`ValueError` unless both are positive.
    """
    if width <= 0 or height <= 0:
        raise ValueError(f"an image of {width} x {height} pixels has no relative boxes")
    y_min, x_min, y_max, x_max = absolute
    return clamp_box((y_min / height, x_min / width, y_max / height, x_max / width))
