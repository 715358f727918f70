"""Drawings for beauty, garden, desk, pets and pantry."""

from collections.abc import Callable

from ml.synthetic.pictures.canvas import Canvas
from ml.synthetic.pictures.colours import (
    BRASS,
    GLASS,
    INK,
    LEAF,
    PAPER,
    STEEL,
    WOOD,
    darker,
    lighter,
)


def cream(c: Canvas) -> None:
    """Draw an open jar of cream with its lid beside it."""
    c.shadow(48, 84, 36)
    c.rounded((18, 50, 72, 84), 7)
    c.rounded((20, 44, 70, 53), 3, GLASS)
    c.ellipse(45, 45, 25, 6, PAPER)
    c.blob([(34, 44), (42, 34), (48, 38), (54, 45), (45, 48)], (255, 252, 244))
    c.rounded((28, 60, 62, 74), 1, PAPER)
    c.lines((33, 62, 57, 72), 2, c.dark)
    c.ellipse(78, 72, 14, 14, BRASS if c.pick(2) else STEEL)
    c.ring(78, 72, 10, 10, 0.8, darker(BRASS))


def shampoo(c: Canvas) -> None:
    """Draw a pump bottle with a label."""
    c.shadow(50, 89, 24)
    c.stroke([(50, 30), (50, 14), (32, 14), (30, 19)], 3.6, INK)
    c.rounded((42, 22, 58, 33), 2, INK)
    c.rounded((30, 32, 70, 89), 8)
    c.rounded((35, 46, 65, 76), 2, PAPER)
    c.ellipse(50, 55, 5, 5, c.main, shade=False)
    c.lines((40, 63, 60, 73), 2, c.dark)


def lipstick(c: Canvas) -> None:
    """Draw an open lipstick and its cap."""
    c.shadow(50, 88, 26)
    c.polygon([(36, 46), (36, 22), (42, 14), (52, 12), (52, 46)])
    c.rounded((34, 44, 54, 60), 1, BRASS)
    c.rounded((30, 58, 58, 88), 2, INK)
    c.rounded((30, 58, 58, 62), 1, BRASS)
    c.rounded((64, 54, 86, 88), 3, INK)
    c.rounded((64, 82, 86, 86), 0, BRASS)


def perfume(c: Canvas) -> None:
    """Draw a flacon with a round stopper."""
    c.shadow(50, 87, 28)
    c.ellipse(50, 19, 10, 10, BRASS if c.pick(2) else INK)
    c.rounded((44, 27, 56, 37), 1, BRASS)
    c.rounded((24, 36, 76, 87), 9, GLASS)
    c.rounded((29, 50, 71, 83), 6)
    c.rounded((38, 56, 62, 72), 1, PAPER)
    c.lines((42, 59, 58, 69), 2, c.dark)
    c.rounded((28, 41, 31, 74), 1.5, (246, 252, 254), shade=False)


def plant_pot(c: Canvas) -> None:
    """Draw an empty plant pot on its saucer."""
    c.shadow(50, 87, 34)
    c.ellipse(50, 83, 30, 5, c.dark)
    c.polygon([(22, 34), (78, 34), (68, 83), (32, 83)])
    c.rounded((18, 22, 82, 38), 3)
    c.ellipse(50, 23, 31, 5, c.dark)
    c.ellipse(50, 24, 27, 3.6, (92, 68, 50), shade=False)


def houseplant(c: Canvas) -> None:
    """Draw a leafy plant in a pot."""
    c.shadow(50, 90, 24)
    tips = ((50, 6), (30, 12), (70, 12), (16, 32), (84, 32), (26, 50), (74, 50))
    for number, (x, y) in enumerate(tips):
        green = lighter(LEAF, 0.16) if number % 2 else LEAF
        c.stroke([(50, 66), (50 + (x - 50) * 0.5, y + 20)], 1.4, darker(LEAF))
        dx, dy = (x - 50) * 0.34, (y - 62) * 0.34
        side = (-dy * 0.55, dx * 0.55) if dx or dy else (8, 0)
        middle = (x - dx, y - dy)
        left, right = ((middle[0] + s * side[0], middle[1] + s * side[1]) for s in (1, -1))
        c.blob([(x, y), left, (x - 2 * dx, y - 2 * dy), right], green)
        c.stroke([(x, y + 1), (x - 2 * dx, y - 2 * dy)], 0.7, darker(LEAF))
    c.polygon([(32, 62), (68, 62), (62, 90), (38, 90)])
    c.rounded((30, 58, 70, 67), 2, c.dark)


def watering_can(c: Canvas) -> None:
    """Draw a watering can with a rose on its spout."""
    c.shadow(54, 84, 34)
    c.ring(68, 50, 20, 24, 4, c.dark)
    c.polygon([(36, 72), (12, 34), (17, 31), (40, 56)], c.dark)
    c.polygon([(4, 36), (18, 24), (22, 32), (12, 40)])
    c.rounded((32, 40, 72, 84), 4)
    c.ellipse(52, 41, 20, 5, c.dark)
    c.arc((36, 18, 70, 60), 180, 350, 3.4, c.dark)
    for x, y in ((4, 46), (9, 52), (3, 56)):
        c.ellipse(x + 2, y, 1.2, 2, (110, 170, 220), shade=False)


def spade(c: Canvas) -> None:
    """Draw a garden spade."""
    c.shadow(50, 90, 18)
    c.stroke([(50, 16), (50, 58)], 4.4, WOOD)
    c.stroke([(38, 10), (62, 10)], 4.4, c.main)
    c.stroke([(40, 10), (50, 22), (60, 10)], 2.6, c.main)
    c.blob([(32, 54), (50, 53), (68, 54), (67, 76), (50, 92), (33, 76)])
    c.rounded((46, 46, 54, 62), 1, c.dark)
    c.stroke([(50, 62), (50, 82)], 1, c.dark)


def novel(c: Canvas) -> None:
    """Draw a novel, seen a little from the side."""
    _closed_book(c)
    c.rounded((36, 26, 72, 44), 1, PAPER)
    c.lines((41, 29, 67, 41), 2, c.dark, width=1.6)
    if c.pick(2):
        c.ellipse(54, 62, 9, 9, c.accent)
    else:
        c.polygon([(42, 72), (54, 50), (66, 72)], c.accent)


def _closed_book(c: Canvas) -> None:
    c.shadow(52, 88, 32)
    c.polygon([(80, 14), (84, 18), (84, 88), (80, 86)], PAPER)
    c.polygon([(24, 86), (80, 86), (84, 89), (28, 89)], (226, 220, 206))
    c.rounded((24, 12, 80, 86), 2)
    c.rounded((24, 12, 31, 86), 1, c.dark)


def cookbook(c: Canvas) -> None:
    """Draw an open cookbook with a dish on one page."""
    c.shadow(50, 80, 44)
    c.polygon([(6, 26), (50, 30), (94, 26), (94, 78), (50, 82), (6, 78)])
    c.polygon([(9, 24), (50, 29), (50, 78), (9, 74)], PAPER)
    c.polygon([(91, 24), (50, 29), (50, 78), (91, 74)], PAPER)
    c.ellipse(30, 48, 15, 15, c.light)
    c.ellipse(30, 48, 10, 10, (236, 240, 240))
    c.ellipse(27, 46, 4, 4, (208, 70, 50))
    c.ellipse(33, 45, 4, 3, LEAF)
    c.ellipse(31, 52, 4.6, 3, (236, 180, 70))
    c.lines((57, 36, 85, 70), 7, (150, 146, 140))
    c.stroke([(50, 29), (50, 80)], 1, c.dark)


def notebook(c: Canvas) -> None:
    """Draw a notebook with a ring binding and an elastic band."""
    c.shadow(52, 88, 32)
    c.rounded((26, 14, 82, 88), 3, PAPER)
    c.rounded((24, 12, 80, 86), 3)
    c.rounded((68, 12, 71, 86), 0, c.accent)
    for number in range(9):
        y = 18 + number * 7.7
        c.ellipse(27, y, 1.5, 1.5, INK, shade=False)
        c.stroke([(20, y), (27, y)], 1.4, STEEL)
    c.rounded((36, 26, 62, 40), 1, PAPER)
    c.lines((40, 29, 58, 37), 2, c.dark)


def pen(c: Canvas) -> None:
    """Draw a pen across a line that it has written."""
    c.stroke([(10, 82), (24, 76), (30, 86), (42, 76), (50, 84), (60, 80)], 1.2, c.dark, curved=True)
    c.shadow(60, 62, 34, 5)
    c.polygon([(12, 80), (20, 66), (28, 74)], STEEL)
    c.polygon([(18, 68), (70, 16), (80, 26), (27, 77)])
    c.polygon([(70, 16), (76, 10), (86, 20), (80, 26)], c.dark)
    c.polygon([(52, 34), (56, 30), (66, 40), (62, 44)], STEEL)
    c.stroke([(78, 18), (62, 24), (52, 34)], 2, STEEL)


def dog_food(c: Canvas) -> None:
    """Draw a bag of dog food with a bone on it."""
    _bag(c)
    for x in (38, 62):
        c.ellipse(x, 51, 4.4, 4.4, PAPER, shade=False)
        c.ellipse(x, 58, 4.4, 4.4, PAPER, shade=False)
    c.rounded((38, 51.5, 62, 57.5), 0, PAPER, shade=False)
    c.lines((34, 68, 66, 78), 2, c.accent)


def _bag(c: Canvas) -> None:
    c.shadow(50, 89, 30)
    c.blob([(26, 16), (50, 17), (74, 16), (78, 50), (75, 88), (50, 90), (25, 88), (22, 50)])
    c.rounded((25, 12, 75, 22), 1, c.dark)
    c.rounded((28, 30, 72, 42), 1, c.accent)
    c.lines((33, 32, 67, 40), 2, c.dark, width=1.4)


def cat_food(c: Canvas) -> None:
    """Draw a tin of cat food with a cat's face on it."""
    c.shadow(50, 84, 34)
    c.rounded((18, 34, 82, 84), 6)
    c.ellipse(50, 35, 32, 8, STEEL)
    c.ring(50, 35, 26, 5.6, 0.8, (140, 144, 152))
    c.arc((42, 30, 58, 38), 0, 360, 1.4, (140, 144, 152))
    c.polygon([(36, 66), (36, 48), (45, 55)], PAPER, shade=False)
    c.polygon([(64, 66), (64, 48), (55, 55)], PAPER, shade=False)
    c.ellipse(50, 64, 14.5, 11.5, PAPER, shade=False)
    for x in (44, 56):
        c.ellipse(x, 62, 1.7, 2.4, INK, shade=False)
    c.polygon([(48, 66), (52, 66), (50, 68.4)], (224, 120, 130), shade=False)
    for x, far in ((40, 30), (60, 70)):
        c.stroke([(x, 67), (far, 65)], 0.6, INK)
        c.stroke([(x, 69), (far, 71)], 0.6, INK)


def pet_bed(c: Canvas) -> None:
    """Draw a round pet bed with a pawprint."""
    c.shadow(50, 78, 44)
    c.ellipse(50, 56, 42, 26)
    c.ellipse(50, 52, 30, 16, c.light)
    c.blob([(28, 60), (38, 56), (62, 56), (72, 60), (76, 74), (50, 80), (24, 74)], c.dark)
    c.ellipse(50, 54, 5, 4, c.dark, shade=False)
    for x, y in ((43, 50), (48, 46), (53.5, 46), (58, 50)):
        c.ellipse(x, y, 2, 2.2, c.dark, shade=False)


def coffee(c: Canvas) -> None:
    """Draw a bag of coffee with a bean on it and beans before it."""
    _bag(c)
    _bean(c, 50, 58, 11)
    for x, y in ((16, 84), (84, 86), (76, 91), (26, 91)):
        _bean(c, x, y, 4.5)


def _bean(c: Canvas, x: float, y: float, size: float) -> None:
    brown = (92, 56, 36)
    c.ellipse(x, y, size, size * 0.72, brown)
    line = [
        (x - size * 0.9, y),
        (x - size * 0.3, y - size * 0.2),
        (x + size * 0.3, y + size * 0.2),
        (x + size * 0.9, y),
    ]
    c.stroke(line, size * 0.14, (196, 156, 120), curved=True)


def tea(c: Canvas) -> None:
    """Draw a box of tea and a tea bag on its string."""
    c.shadow(50, 87, 40)
    c.polygon([(66, 26), (76, 20), (76, 78), (66, 86)], c.dark)
    c.polygon([(16, 26), (26, 20), (76, 20), (66, 26)], c.light)
    c.rounded((16, 26, 66, 86), 1)
    c.ellipse(41, 52, 15, 15, PAPER)
    c.blob([(41, 40), (49, 50), (41, 63), (33, 50)], LEAF)
    c.stroke([(41, 42), (41, 66)], 0.9, darker(LEAF))
    c.stroke([(66, 34), (84, 40), (84, 58)], 0.8, INK, curved=True)
    c.polygon([(78, 62), (84, 56), (90, 62), (90, 80), (78, 80)], (236, 224, 200))
    c.rounded((80, 68, 88, 79), 1, (150, 110, 70))


def chocolate(c: Canvas) -> None:
    """Draw a bar of chocolate in its torn wrapper."""
    c.shadow(50, 88, 26)
    brown = (96, 58, 38)
    c.rounded((30, 10, 70, 60), 2, brown)
    for row in range(4):
        for column in range(3):
            left, top = 32 + column * 12.4, 12 + row * 11
            c.rounded((left, top, left + 11, top + 9.6), 1.4, lighter(brown, 0.14))
    foil = [
        (27, 46),
        (33, 42),
        (39, 47),
        (46, 42),
        (53, 47),
        (60, 42),
        (67, 47),
        (73, 43),
        (73, 54),
        (27, 54),
    ]
    c.polygon(foil, (216, 218, 224))
    c.rounded((27, 50, 73, 88), 1)
    c.rounded((33, 62, 67, 76), 1, PAPER)
    c.lines((38, 65, 62, 73), 2, c.dark, width=1.4)


def wine(c: Canvas) -> None:
    """Draw a bottle of wine and a glass."""
    c.shadow(48, 89, 36)
    body = [(34, 8), (42, 8), (42, 32), (50, 42), (51, 88), (25, 88), (26, 42), (34, 32)]
    c.polygon(body, (40, 66, 50))
    c.rounded((33, 6, 43, 22), 1)
    c.rounded((26, 52, 51, 76), 0, PAPER)
    c.rounded((28, 54, 49, 62), 0)
    c.lines((30, 64, 47, 74), 2, c.dark)
    c.blob([(62, 46), (84, 46), (83, 60), (73, 68), (63, 60)], GLASS)
    c.blob([(63.5, 54), (82.5, 54), (81, 61), (73, 66), (65, 61)], (128, 26, 50))
    c.stroke([(73, 67), (73, 86)], 1.4, (170, 190, 196))
    c.ellipse(73, 87, 9, 2, (190, 208, 214))


SHAPES: dict[str, Callable[[Canvas], None]] = {
    "cream": cream,
    "shampoo": shampoo,
    "lipstick": lipstick,
    "perfume": perfume,
    "plant_pot": plant_pot,
    "houseplant": houseplant,
    "watering_can": watering_can,
    "spade": spade,
    "novel": novel,
    "cookbook": cookbook,
    "notebook": notebook,
    "pen": pen,
    "dog_food": dog_food,
    "cat_food": cat_food,
    "pet_bed": pet_bed,
    "coffee": coffee,
    "tea": tea,
    "chocolate": chocolate,
    "wine": wine,
}
