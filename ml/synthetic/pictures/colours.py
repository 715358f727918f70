"""Colour names of the made shop as RGB, and how to lighten, darken and set off a colour."""

from colorsys import hsv_to_rgb

RGB = tuple[int, int, int]

NAMED: dict[str, RGB] = {
    "Amber": (222, 150, 44),
    "Beige": (222, 205, 175),
    "Berry": (142, 36, 86),
    "Black": (44, 44, 48),
    "Blush": (240, 190, 185),
    "Burgundy": (122, 27, 48),
    "Charcoal": (74, 78, 84),
    "Cherry Red": (196, 20, 44),
    "Coral": (245, 122, 98),
    "Dusty Pink": (217, 160, 165),
    "Emerald": (18, 134, 96),
    "Forest Green": (38, 92, 60),
    "Gold": (212, 172, 76),
    "Graphite": (92, 96, 104),
    "Grass Green": (70, 165, 70),
    "Indigo": (52, 66, 124),
    "Ivory": (244, 236, 216),
    "Lilac": (186, 160, 214),
    "Lime": (168, 208, 48),
    "Midnight Blue": (32, 44, 88),
    "Mint": (158, 218, 190),
    "Mustard": (218, 168, 44),
    "Navy": (36, 56, 104),
    "Nude Rose": (206, 142, 128),
    "Oak": (198, 156, 104),
    "Olive": (122, 124, 62),
    "Orange": (240, 132, 36),
    "Pink": (240, 128, 170),
    "Plum": (108, 54, 100),
    "Purple": (122, 72, 168),
    "Red": (208, 44, 44),
    "Rose Gold": (222, 164, 148),
    "Royal Blue": (44, 88, 196),
    "Rust": (176, 84, 40),
    "Sage Green": (156, 176, 142),
    "Sand": (216, 194, 156),
    "Silver": (192, 197, 204),
    "Sky Blue": (132, 186, 224),
    "Sunny Yellow": (250, 208, 48),
    "Terracotta": (200, 104, 72),
    "Turquoise": (44, 178, 178),
    "Walnut": (110, 74, 50),
    "White": (246, 246, 244),
}
UNKNOWN: RGB = (150, 156, 166)
INK: RGB = (52, 52, 58)
STEEL: RGB = (196, 201, 208)
WOOD: RGB = (188, 140, 92)
LEATHER: RGB = (134, 88, 58)
PAPER: RGB = (250, 247, 240)
LEAF: RGB = (72, 138, 76)
GLASS: RGB = (206, 226, 232)
BRASS: RGB = (200, 160, 82)


def rgb_of(name: str) -> RGB:
    """Return the colour of that name, grey for a name that the table lacks."""
    return NAMED.get(name, UNKNOWN)


def mix(colour: RGB, other: RGB, *, share: float) -> RGB:
    """Return `colour` with `share` (0 to 1) of the other one in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def lighter(colour: RGB, share: float = 0.35) -> RGB:
    """Return the colour moved towards white."""
    return mix(colour, (255, 255, 255), share=share)


def darker(colour: RGB, share: float = 0.3) -> RGB:
    """Return the colour moved towards black."""
    return mix(colour, (20, 20, 26), share=share)


def brightness(colour: RGB) -> float:
    """Return how light the colour looks, 0 to 255 (Rec. 601 luma)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def contrast(colour: RGB) -> RGB:
    """Return a lighter or darker relation of the colour that can be seen on it."""
    return lighter(colour, 0.62) if brightness(colour) < 150 else darker(colour, 0.42)


def pale(hue: float, *, strength: float, value: float) -> RGB:
    """Return a pale colour for walls and tables: hue, strength and value from 0 to 1."""
    red, green, blue = (round(255 * part) for part in hsv_to_rgb(hue, strength, value))
    return red, green, blue
