"""Drawings of clothes, shoes and accessories."""

from collections.abc import Callable

from ml.synthetic.pictures.canvas import Canvas
from ml.synthetic.pictures.colours import BRASS, LEATHER, PAPER, STEEL, darker

TOP = ((38, 17), (62, 17), (86, 31), (78, 48), (69, 42), (69, 86), (31, 86), (31, 42), (22, 48), (14, 31))
LONG_TOP = (
    (38, 16),
    (62, 16),
    (76, 23),
    (90, 72),
    (79, 76),
    (70, 46),
    (70, 86),
    (30, 86),
    (30, 46),
    (21, 76),
)
LONG_SLEEVE_END = ((10, 72), (24, 23))


def tshirt(c: Canvas) -> None:
    """Draw a T-shirt laid flat."""
    c.shadow(51, 53, 38, 38)
    c.polygon(TOP)
    c.ellipse(50, 17, 12, 7, c.dark, shade=False)
    c.ellipse(50, 14.5, 10, 6, (232, 232, 232), shade=False)
    c.stroke([(31, 42), (33, 34)], 0.7, c.dark)
    c.stroke([(69, 42), (67, 34)], 0.7, c.dark)


def shirt(c: Canvas) -> None:
    """Draw a buttoned shirt with a collar and long sleeves."""
    c.shadow(51, 53, 40, 38)
    c.polygon([*LONG_TOP, *LONG_SLEEVE_END])
    c.stroke([(50, 22), (50, 86)], 0.9, c.dark)
    for y in (32, 43, 54, 65, 76):
        c.ellipse(50, y, 1.4, 1.4, c.accent, shade=False)
    c.polygon([(38, 15), (50, 24), (42, 31), (34, 19)], c.light)
    c.polygon([(62, 15), (50, 24), (58, 31), (66, 19)], c.light)
    c.rounded((56, 40, 66, 52), 1, c.dark)
    c.polygon([(79, 72), (89, 68), (90, 73), (80, 77)], c.dark)
    c.polygon([(21, 72), (11, 68), (10, 73), (20, 77)], c.dark)


def hoodie(c: Canvas) -> None:
    """Draw a hooded sweatshirt with its pocket and strings."""
    c.shadow(51, 53, 40, 38)
    c.blob([(34, 24), (37, 10), (50, 6), (63, 10), (66, 24), (50, 32)], c.dark)
    c.polygon([*LONG_TOP, *LONG_SLEEVE_END])
    c.blob([(39, 19), (50, 12), (61, 19), (50, 31)], darker(c.main, 0.6))
    c.polygon([(38, 60), (62, 60), (67, 76), (33, 76)], c.dark)
    c.stroke([(46, 29), (45, 46)], 1.1, PAPER)
    c.stroke([(54, 29), (55, 43)], 1.1, PAPER)
    c.rounded((30, 82, 70, 87), 1, c.dark)


def jacket(c: Canvas) -> None:
    """Draw a zipped jacket with a collar and pockets."""
    c.shadow(51, 53, 40, 38)
    c.polygon([*LONG_TOP, *LONG_SLEEVE_END])
    c.polygon([(36, 12), (64, 12), (66, 22), (34, 22)], c.dark)
    c.stroke([(50, 13), (50, 86)], 1.8, STEEL)
    c.rounded((48.6, 24, 51.4, 30), 1, BRASS)
    c.stroke([(35, 70), (44, 62)], 1.4, c.accent)
    c.stroke([(65, 70), (56, 62)], 1.4, c.accent)
    c.rounded((30, 80, 70, 87), 1, c.dark)
    c.stroke([(32, 36), (68, 36)], 0.8, c.dark)


def jeans(c: Canvas) -> None:
    """Draw a pair of jeans."""
    c.shadow(51, 53, 30, 40)
    c.polygon([(31, 12), (69, 12), (75, 88), (55, 88), (50, 40), (45, 88), (25, 88)])
    c.rounded((31, 11, 69, 17), 0.5, c.dark)
    c.stroke([(50, 17), (50, 38)], 0.8, c.accent)
    c.arc((22, 8, 44, 30), 20, 85, 0.8, c.accent)
    c.arc((56, 8, 78, 30), 95, 160, 0.8, c.accent)
    c.ellipse(50, 14, 1.4, 1.4, BRASS, shade=False)
    for x in (36, 64):
        c.rounded((x - 1, 10, x + 1, 18), 0, c.dark, shade=False)
    c.stroke([(25.5, 85), (45, 85)], 0.7, c.accent)
    c.stroke([(55, 85), (74.5, 85)], 0.7, c.accent)


def shorts(c: Canvas) -> None:
    """Draw a pair of shorts with a drawstring."""
    c.shadow(51, 54, 36, 30)
    c.polygon([(28, 24), (72, 24), (84, 76), (55, 78), (50, 50), (45, 78), (16, 76)])
    c.rounded((28, 22, 72, 30), 1, c.dark)
    c.stroke([(48, 29), (45, 42)], 1.1, PAPER)
    c.stroke([(52, 29), (55, 40)], 1.1, PAPER)
    c.stroke([(30, 32), (24, 46)], 0.9, c.dark)
    c.stroke([(70, 32), (76, 46)], 0.9, c.dark)


def dress(c: Canvas) -> None:
    """Draw a sleeveless dress with a wide skirt."""
    c.shadow(51, 55, 30, 38)
    c.stroke([(40, 24), (41, 10)], 2.4, c.main)
    c.stroke([(60, 24), (59, 10)], 2.4, c.main)
    c.blob([(38, 22), (50, 25), (62, 22), (61, 36), (60, 47), (50, 49), (40, 47), (39, 36)])
    c.blob([(40, 46), (60, 46), (70, 64), (82, 86), (66, 89), (50, 87), (34, 89), (18, 86), (30, 64)])
    c.rounded((39, 44, 61, 49), 1, c.dark)
    for x in (40, 50, 60):
        c.stroke([(50 + (x - 50) * 0.5, 54), (50 + (x - 50) * 1.5, 84)], 0.7, c.dark)


def sneaker(c: Canvas) -> None:
    """Draw a trainer from the side."""
    c.shadow(50, 76, 42)
    c.blob(
        [(10, 66), (11, 40), (19, 32), (30, 40), (40, 34), (62, 50), (84, 56), (92, 66), (88, 71), (12, 71)]
    )
    c.blob([(70, 53), (84, 56), (92, 66), (88, 71), (68, 70)], c.light)
    c.rounded((8, 66, 93, 76), 4, PAPER)
    c.rounded((8, 73, 93, 77), 2, c.dark)
    for x, y in ((40, 38), (46, 42), (52, 46)):
        c.stroke([(x, y), (x - 5, y + 6)], 1.6, PAPER)
    c.stroke([(26, 64), (38, 52), (60, 64)], 2.6, c.accent, curved=True)
    c.ellipse(20, 36, 6, 3, c.dark)


def boot(c: Canvas) -> None:
    """Draw an ankle boot from the side."""
    c.shadow(50, 86, 38)
    c.blob([(24, 14), (54, 14), (56, 46), (70, 58), (86, 66), (88, 80), (24, 80), (22, 50)])
    c.rounded((20, 78, 90, 84), 2, darker(LEATHER, 0.5))
    c.rounded((20, 80, 42, 88), 1, darker(LEATHER, 0.6))
    c.polygon([(38, 16), (46, 16), (48, 40), (36, 40)], c.dark)
    c.rounded((24, 12, 54, 17), 2, c.dark)
    c.stroke([(56, 50), (48, 62), (46, 78)], 0.9, c.dark, curved=True)
    c.stroke([(22, 20), (18, 12), (24, 10), (26, 16)], 1.6, LEATHER, curved=True)


def socks(c: Canvas) -> None:
    """Draw a pair of socks."""
    c.shadow(50, 80, 36)
    for shift, pale in ((18, True), (0, False)):
        outline = [(26, 14), (46, 14), (46, 54), (58, 70), (52, 84), (38, 82), (26, 62)]
        c.blob([(x + shift, y) for x, y in outline], c.light if pale else None)
        c.blob([(x + shift, y) for x, y in ((46, 70), (56, 67), (59, 76), (52, 84), (44, 82))], c.dark)
        c.rounded((25 + shift, 12, 47 + shift, 22), 2, c.dark)
        for x in range(28, 46, 4):
            c.stroke([(x + shift, 13), (x + shift, 21)], 0.6, c.accent)


def cap(c: Canvas) -> None:
    """Draw a baseball cap from the side."""
    c.shadow(50, 74, 40)
    c.blob([(12, 62), (14, 40), (30, 24), (48, 23), (64, 36), (68, 62), (40, 66)])
    c.blob([(62, 56), (80, 58), (94, 66), (88, 72), (66, 68), (40, 66), (50, 60)], c.dark)
    c.stroke([(40, 22), (42, 44), (42, 62)], 0.8, c.dark, curved=True)
    c.ellipse(40, 22, 3, 1.8, c.dark)
    c.ellipse(54, 46, 5.5, 5.5, c.accent)


def watch(c: Canvas) -> None:
    """Draw a wristwatch with its strap."""
    c.shadow(52, 54, 26, 40)
    strap = c.main if c.pick(2) else LEATHER
    c.polygon([(39, 34), (42, 8), (58, 8), (61, 34)], strap)
    c.polygon([(39, 66), (42, 92), (58, 92), (61, 66)], strap)
    for y in (78.0, 83.0, 88.0):
        c.ellipse(50, y, 1, 1, darker(strap, 0.5), shade=False)
    c.rounded((73, 47, 78, 53), 1, STEEL)
    c.ellipse(50, 50, 24, 24, STEEL)
    c.ellipse(50, 50, 20, 20)
    for x, y in ((50, 33.5), (66.5, 50), (50, 66.5), (33.5, 50)):
        c.ellipse(x, y, 1.4, 1.4, c.accent, shade=False)
    c.stroke([(50, 50), (42, 43)], 2, c.accent)
    c.stroke([(50, 50), (60, 39)], 1.4, c.accent)


def sunglasses(c: Canvas) -> None:
    """Draw a pair of sunglasses from the front."""
    c.shadow(50, 70, 40)
    c.stroke([(12, 44), (18, 28), (30, 22)], 2.4, c.dark, curved=True)
    c.stroke([(88, 44), (82, 28), (70, 22)], 2.4, c.dark, curved=True)
    radius = 16.0 if c.pick(2) else 8.0
    for left in (8, 54):
        c.rounded((left, 36, left + 38, 68), radius)
        c.rounded((left + 4, 40, left + 34, 64), radius - 3, (52, 56, 66))
        c.stroke([(left + 9, 58), (left + 20, 45)], 2, (120, 128, 140))
    c.stroke([(46, 46), (50, 43), (54, 46)], 3.4, c.main, curved=True)


SHAPES: dict[str, Callable[[Canvas], None]] = {
    "tshirt": tshirt,
    "shirt": shirt,
    "hoodie": hoodie,
    "jacket": jacket,
    "jeans": jeans,
    "shorts": shorts,
    "dress": dress,
    "sneaker": sneaker,
    "boot": boot,
    "socks": socks,
    "cap": cap,
    "watch": watch,
    "sunglasses": sunglasses,
}
