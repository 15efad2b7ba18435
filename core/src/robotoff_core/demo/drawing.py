"""Drawing a demo picture as SVG: the same lines at the same places as in its OCR document."""

from html import escape

from ..testing.ocr import Line, place
from .loader import DemoImage, DemoLogo

__all__ = ["draw"]

_BASELINE = 0.78
"""Where letters stand in a line's box, as a fraction of its height."""
_FONTS = "Helvetica, Arial, sans-serif"
_INK = "#1f2933"
_TABLE = "#8f8a80"
"""What the label lies on; seen at its corners, and when the photo is tilted."""


def draw(image: DemoImage) -> str:
    """*image* as a self-contained SVG document, turned as the photo was."""
    width, height = image.size
    lines = [
        line
        for block in place(image.blocks, width=image.page_width, height=image.page_height)
        for paragraph in block
        for line in paragraph
    ]
    page = f'width="{image.page_width}" height="{image.page_height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="{_FONTS}">',
        f'<rect width="{width}" height="{height}" fill="{_TABLE}"/>',
        f'<g transform="{_turned(image)}">',
        f'<rect {page} rx="18" fill="{escape(image.background)}"/>',
        *(_drawn_logo(logo) for logo in image.logos),
        *(_drawn_line(line) for line in lines),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts)


def _turned(image: DemoImage) -> str:
    """The transformation from the upright page to the photo; the same as the OCR generator's."""
    width, height = image.page_width, image.page_height
    turn = {
        0: "",
        90: f"translate({height} 0) rotate(90) ",
        180: f"translate({width} {height}) rotate(180) ",
        270: f"translate(0 {width}) rotate(270) ",
    }[image.rotation]
    return f"{turn}rotate({image.tilt} {width / 2:g} {height / 2:g})"


def _drawn_line(line: Line) -> str:
    weight = ' font-weight="bold"' if line.block.weight == "bold" else ""
    return (
        f'<text x="{line.left:.1f}" y="{line.top + _BASELINE * line.size:.1f}" font-size="{line.size:.1f}"{weight} '
        f'fill="{escape(line.block.color or _INK)}" textLength="{line.width:.1f}" lengthAdjust="spacingAndGlyphs">'
        f"{escape(line.text)}</text>"
    )


def _drawn_logo(logo: DemoLogo) -> str:
    middle_x, middle_y = logo.left + logo.width / 2, logo.top + logo.height / 2
    size = logo.height * 0.5
    return (
        f'<rect x="{logo.left:g}" y="{logo.top:g}" width="{logo.width:g}" height="{logo.height:g}" rx="16" '
        f'fill="{escape(logo.color)}"/>'
        f'<text x="{middle_x:g}" y="{middle_y + 0.35 * size:g}" font-size="{size:g}" font-weight="bold" fill="#ffffff" '
        f'text-anchor="middle">{escape(logo.text)}</text>'
    )
