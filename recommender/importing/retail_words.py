"""What the Online Retail file does not say: categories, country codes and readable names."""

import re
import string

OTHER = "Other"

# The first category with a word in the description wins: the telling words come before the common ones.
CATEGORY_WORDS = """
Seasonal > Christmas:
    christmas xmas advent santa reindeer snowflake snowman bauble stocking nativity rudolph
Seasonal > Easter:
    easter bunny chick rabbit hen
Jewellery > Necklaces:
    necklace pendant choker lariat necklac
Jewellery > Bracelets:
    bracelet bangle bracelt anklet
Jewellery > Earrings and rings:
    earring earrings brooch hatpin diamante ring rings
Jewellery > Hair and key charms:
    hair hairslide hairclip headband keyring charm charms key-ring bling
Bags > Lunch bags:
    lunch
Bags > Bags:
    bag bags shopper handbag tote rucksack holdall washbag
Bags > Purses and travel:
    purse wallet passport luggage travel umbrella parasol
Kitchen > Mugs and cups:
    mug mugs cup cups teacup beaker tankard egg-cup saucer saucers
Kitchen > Baking:
    cake cakes cakestand baking bake cookie pancake muffin biscuit jelly pastry cupcake mould moulds
Kitchen > Tea and coffee:
    teapot tea coffee sugar milk cafetiere
Kitchen > Linen:
    apron towel napkin napkins tablecloth placemat placemats doily coaster coasters glove
Kitchen > Tableware:
    bowl bowls plate plates tray trays cutlery dish dishes jug spoon fork dinner platter ramekin
Kitchen > Glasses and bottles:
    bottle bottles tumbler goblet glasses decanter flask wine
Kitchen > Jars and tins:
    jar jars tin tins pantry canister recipe scales jam breadbin bread
Home > Candles and lights:
    candle candles t-light tlight light lights lamp lantern lanterns candlestick votive candleholder
    lightbulb torch chandelier incense
Home > Clocks:
    clock clocks alarm
Home > Frames and mirrors:
    frame frames mirror photo picture
Home > Signs and wall art:
    sign signs wall plaque canvas chalkboard blackboard letter letters slate stickers tile
Home > Cushions and textiles:
    cushion cushions throw quilt doormat rug blanket curtain warmer pouffe seat
Home > Storage:
    box boxes basket baskets drawer drawers cabinet storage rack tidy crate trinket shelf stand bin
Home > Hooks and knobs:
    hook hooks hanger hangers knob knobs doorstop doorknob coat
Home > Decorations:
    heart hearts garland wreath decoration decorations ornament ornaments mobile chime vase flower
    flowers tree butterfly butterflies feather bell bells figurine bird angel star stars wicker
Stationery > Cards and wrap:
    card cards wrap gift ribbon ribbons tissue tissues envelope envelopes tags tag postcard
Stationery > Writing:
    notebook pen pens pencil pencils eraser erasers ruler journal diary book books notepad memo magnets
    stationery calculator sketchbook
Party > Party:
    party bunting balloon balloons paper straws birthday cocktail confetti honeycomb lei
Children > Toys and games:
    toy toys game games jigsaw puzzle doll dolls dolly skittles spinning yo-yo ball snap dominoes
    dinosaur robot soldiers glider playhouse skipping magic jack marbles tattoos
Children > For children:
    child childs childrens children baby girl boy girls boys spaceboy babushka circus nursery
Craft > Sewing and craft:
    sewing craft knitting feltcraft felt kit patches paint stamp sequin button buttons tape
Garden > Garden:
    garden planter watering plant gardeners gardener herb pot pots birdhouse feeder windmill trellis
    trowel seed seeds outdoor picnic deckchair
Bath and beauty > Bath and beauty:
    bath bathroom soap sponge toilet balm lip cosmetic manicure bubble shower lavender scented plasters
    slippers tissues hot
Home > Furniture:
    chair table stool bench furniture wardrobe
"""
_RULES = tuple(
    (category, frozenset(words.split()))
    for category, words in re.findall(r"^(\w.*):\n((?: .*\n)+)", CATEGORY_WORDS, re.M)
)

REGION_OF_COUNTRY = {
    "Australia": "AU", "Austria": "AT", "Bahrain": "BH", "Belgium": "BE", "Brazil": "BR", "Canada": "CA",
    "Cyprus": "CY", "Czech Republic": "CZ", "Denmark": "DK", "EIRE": "IE", "Finland": "FI", "France": "FR",
    "Germany": "DE", "Greece": "GR", "Hong Kong": "HK", "Iceland": "IS", "Israel": "IL", "Italy": "IT",
    "Japan": "JP", "Lebanon": "LB", "Lithuania": "LT", "Malta": "MT", "Netherlands": "NL", "Norway": "NO",
    "Poland": "PL", "Portugal": "PT", "RSA": "ZA", "Saudi Arabia": "SA", "Singapore": "SG", "Spain": "ES",
    "Sweden": "SE", "Switzerland": "CH", "USA": "US", "United Arab Emirates": "AE", "United Kingdom": "GB",
}  # fmt: skip


def category_of(description: str) -> str:
    """Return the path of the first rule that fits, or "Other"."""
    words = set(re.findall(r"[a-z]+(?:-[a-z]+)*", description.lower()))
    words |= {part for word in words for part in word.split("-") if len(part) > 1}
    return next((category for category, telling in _RULES if words & telling), OTHER)


def product_name(description: str) -> str:
    """Return the description in title case, without the shouting of the till."""
    return string.capwords(description.strip(" *.,")).replace("T-light", "T-Light")
