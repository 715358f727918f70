"""Shades by the colour that people call them: who searches for blue means navy too."""

from recommender.search.tokens import words_of

COLOUR_NAMES = frozenset({"colour", "color"})  # of the attribute
_SHADES = {
    "beige": "sand tan camel ecru",
    "black": "jet onyx ebony",
    "blue": "navy indigo azure cobalt sapphire denim cyan aqua turquoise teal",
    "brown": "tan camel chestnut mocha chocolate cognac walnut rust",
    "green": "olive emerald mint lime sage khaki jade teal",
    "grey": "gray charcoal graphite slate anthracite",
    "gray": "grey charcoal graphite slate anthracite",
    "orange": "terracotta rust tangerine apricot",
    "pink": "blush rose fuchsia magenta salmon",
    "purple": "plum lilac lavender violet mauve aubergine",
    "red": "burgundy crimson scarlet maroon cherry ruby wine",
    "white": "ivory cream ecru",
    "yellow": "mustard lemon canary amber",
}
_COLOURS_OF: dict[str, list[str]] = {}
for _colour, _names in _SHADES.items():
    for _shade in _names.split():
        _COLOURS_OF.setdefault(_shade, []).append(_colour)


def colours_of(value: str) -> list[str]:
    """Return what people call a colour that is named otherwise: blue of navy, none of sky blue."""
    words = words_of(value)
    return _COLOURS_OF.get(words[-1], []) if words else []
