"""What a product is called: the text that is embedded, and the ways a shopper may say it."""

from collections.abc import Mapping


def product_text(
    *, name: str, category: str, brand: str, attributes: Mapping[str, object], description: str
) -> str:
    """Return one text of the product, the telling parts first, since encoders cut long ones.

    `category` is a path such as "Home > Kitchen > Mugs"; only its last level is used.
    """
    values = " ".join(_values(attributes))
    parts = (name, values, leaf(category), brand, description)
    return ". ".join(part.strip() for part in parts if part.strip())


def phrases(
    *, name: str, category: str, brand: str, attributes: Mapping[str, object], description: str
) -> list[str]:
    """Return the distinct lower-case ways to ask for the product, the fullest first: at least one."""
    type_name = singular(leaf(category))
    looks = _values({key: value for key, value in attributes.items() if key != "size"})
    looks = [value for value in looks if value.lower() != "plain"]
    full = product_text(
        name=name, category=category, brand=brand, attributes=attributes, description=description
    )
    short = product_text(name=name, category=category, brand="", attributes=attributes, description="")
    said = [full, short, name, leaf(category), type_name]
    said += [f"{value} {type_name}" for value in looks]
    said += [f"{value.split()[-1]} {type_name}" for value in looks[:1]]  # forest green is green
    said += [f"{' '.join(looks[:end])} {type_name}" for end in range(2, min(4, len(looks) + 1))]
    return list(dict.fromkeys(phrase.lower().strip() for phrase in said if phrase.strip())) or [""]


def leaf(category: str) -> str:
    """Return the last level of a category path."""
    return category.rsplit(">", 1)[-1].strip()


def singular(noun: str) -> str:
    """Return the singular of a regular English plural: "Mugs" gives "Mug", "Glasses" gives "Glass"."""
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x")):
        if noun.lower().endswith(ending):
            return noun[: -len(ending)] + replacement
    if noun.lower().endswith("s") and not noun.lower().endswith(("ss", "us")):
        return noun[:-1]
    return noun


def _values(attributes: Mapping[str, object]) -> list[str]:
    """Return the attributes' words in the order that shoppers say them: "blue striped ceramic"."""
    spoken = {"colour": 0, "color": 0, "pattern": 1, "material": 2}
    ordered = sorted(attributes.items(), key=lambda item: (spoken.get(item[0], 3), item[0]))
    return [str(value) for _, value in ordered if isinstance(value, str | int | float) and str(value).strip()]
