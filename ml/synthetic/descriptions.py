"""The words of the made shop: product descriptions and reviews."""

import numpy as np

from ml.synthetic.taxonomy import ProductType

# No sentence leans on the number of the noun: "Jeans" and "Mug" both fit every one.
OPENINGS = (
    "{noun} in {colour} with {a_style} look, made of {material}.",
    "{brand} brings {a_style} note to every day: {noun} in {colour}.",
    "{brand} works in {material} here, with {a_style} finish in {colour}.",
    "What {brand} is known for: {style} lines, {material}, {colour}.",
)
USES = ("This one {use}.", "Thoughtfully made, this design {use}.", "Best of all, this one {use}.")
PATTERNS = ("The {pattern} pattern is {brand}'s own.", "A {pattern} pattern sets it apart.")
CLOSINGS = (
    "Size: {size}.",
    "This one comes in {size}.",
    "{size}, and ready to give as a present.",
    "Choose {size} if you are in doubt.",
)
CONSUMABLE_OPENINGS = (
    "{brand} {noun} with {material}, in {colour}.",
    "{noun} by {brand}, with {material} and {a_style} look.",
    "{material} gives this one by {brand} its character; look for {colour} on the shelf.",
)
REVIEW_TITLES = {
    1: ("Not for me", "Disappointed", "Sent it back"),
    2: ("Below par", "Expected more", "Not quite"),
    3: ("Fine", "Does the job", "All right for the price"),
    4: ("Very good", "Happy with it", "Good buy"),
    5: ("Love it", "Perfect", "Would buy again"),
}
REVIEW_TEXTS = {
    1: ("It was broken within a week.", "The {colour} looks nothing like the picture."),
    2: ("The {material} feels cheap.", "Smaller than I thought."),
    3: ("Decent, though the {colour} is not what I hoped for.", "It works, no more and no less."),
    4: ("Lovely; the {colour} suits us well.", "Well made, the {material} feels solid."),
    5: (
        "The best I have had, and the {colour} is beautiful.",
        "{brand} got everything right. This one {use}.",
    ),
}


def describe(kind: ProductType, *, facts: dict[str, str], rng: np.random.Generator) -> str:
    """Return two to four sentences that mention the product's attributes."""
    ticks = rng.random(6)
    openings = CONSUMABLE_OPENINGS if kind.repeat_days else OPENINGS
    first = int(ticks[1] * len(kind.uses))
    sentences = [
        _pick(openings, tick=ticks[0]),
        _pick(USES, tick=ticks[2]).replace("{use}", kind.uses[first]),
    ]
    if facts["pattern"] != "Plain":
        sentences.append(_pick(PATTERNS, tick=ticks[3]))
    if ticks[4] < 0.7:
        sentences.append(_pick(CLOSINGS, tick=ticks[5]))
    return _fill(" ".join(sentences), facts=facts)


def review(kind: ProductType, *, facts: dict[str, str], stars: int, tick: float) -> tuple[str, str]:
    """Return a title and a text that fit the stars; `tick` in [0, 1) chooses the words."""
    text = _pick(REVIEW_TEXTS[stars], tick=tick * 7 % 1).replace("{use}", _pick(kind.uses, tick=tick))
    return _pick(REVIEW_TITLES[stars], tick=tick), _fill(text, facts=facts)


def _fill(text: str, *, facts: dict[str, str]) -> str:
    """Return the text with its {words} replaced: attributes in lower case, names and sizes as they are."""
    keep = ("brand", "size")
    words = {key: value if key in keep else value.lower() for key, value in facts.items()}
    words["a_style"] = f"{'an' if words['style'][0] in 'aeiou' else 'a'} {words['style']}"
    filled = text.format_map(words)
    return filled[0].upper() + filled[1:]


def _pick(words: tuple[str, ...], *, tick: float) -> str:
    return words[int(tick * len(words))]
