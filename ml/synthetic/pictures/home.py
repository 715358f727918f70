"""Drawings of things for the home."""

from collections.abc import Callable

from ml.synthetic.pictures.canvas import Canvas
from ml.synthetic.pictures.colours import BRASS, INK, PAPER, STEEL, WOOD, darker, lighter


def mug(c: Canvas) -> None:
    """Draw a mug with a handle and what is in it."""
    c.shadow(48, 82, 30)
    c.ring(69, 53, 15, 17, 6, c.dark)
    c.polygon([(24, 30), (68, 30), (66, 78), (62, 82), (30, 82), (26, 78)])
    c.ellipse(46, 30, 22, 6, c.light, shade=False)
    c.ellipse(46, 31, 19, 4.5, (96, 62, 42), shade=False)


def plate(c: Canvas) -> None:
    """Draw a plate from above, with its well and a fork beside it."""
    c.shadow(54, 56, 38, 38)
    c.ellipse(54, 51, 35, 35)
    c.ellipse(54, 51, 24, 24, c.light)
    c.ring(54, 51, 35, 35, 1.2, c.dark)
    c.ring(54, 51, 24, 24, 0.8, c.dark)
    c.stroke([(11, 40), (11, 82)], 2.6, STEEL)
    for x in (8, 11, 14):
        c.stroke([(x, 20), (x, 34)], 1.3, STEEL)
    c.stroke([(8, 34), (11, 40), (14, 34)], 2, STEEL, curved=True)


def frying_pan(c: Canvas) -> None:
    """Draw a pan from above with a long handle."""
    c.shadow(42, 62, 32, 30)
    c.stroke([(62, 40), (90, 14)], 7, darker(WOOD) if c.pick(2) else INK)
    c.stroke([(60, 42), (68, 35)], 5, STEEL)
    c.ellipse(40, 58, 31, 31)
    c.ellipse(40, 58, 26, 26, (58, 58, 62))
    c.arc((20, 38, 60, 78), 190, 260, 1.4, (120, 120, 126))


def knife(c: Canvas) -> None:
    """Draw a chef's knife, the blade up to the right."""
    c.shadow(50, 78, 36)
    c.polygon([(36, 58), (88, 14), (86, 30), (76, 46), (62, 60), (46, 70)], (206, 211, 218))
    c.polygon([(41, 64), (88, 20), (85, 32), (75, 47), (62, 60), (46, 70)], (236, 239, 243), shade=False)
    c.polygon([(36, 57), (45, 67), (20, 88), (12, 79)])
    for x, y in ((21, 80.5), (29, 74), (36.5, 67.5)):
        c.ellipse(x, y, 1.3, 1.3, STEEL, shade=False)


def kettle(c: Canvas) -> None:
    """Draw a kettle with spout, lid and a handle over the top."""
    c.shadow(50, 84, 32)
    c.stroke([(34, 40), (36, 14), (64, 14), (66, 40)], 4.5, INK, curved=True)
    c.polygon([(26, 62), (10, 36), (17, 33), (34, 50)], c.dark)
    c.blob([(30, 42), (50, 36), (70, 42), (80, 70), (74, 83), (50, 85), (26, 83), (20, 70)])
    c.ellipse(50, 39, 15, 4.5, c.dark)
    c.ellipse(50, 33, 4, 3.5, INK)


def lamp(c: Canvas) -> None:
    """Draw a table lamp: shade, stem and foot."""
    c.shadow(50, 87, 22)
    c.ellipse(50, 48, 40, 38, (255, 246, 214), shade=False)
    c.stroke([(50, 48), (50, 84)], 4, BRASS if c.pick(2) else WOOD)
    c.ellipse(50, 85, 15, 4, BRASS if c.pick(2) else WOOD)
    c.polygon([(36, 16), (64, 16), (76, 54), (24, 54)])
    c.ellipse(50, 54, 26, 3, lighter(c.main, 0.6), shade=False)


def sofa(c: Canvas) -> None:
    """Draw a sofa from the front."""
    c.shadow(50, 80, 42)
    for x in (18, 80):
        c.stroke([(x, 72), (x, 82)], 3, WOOD)
    c.rounded((14, 28, 86, 68), 8)
    seats = 2 + c.pick(2)
    width = 60 / seats
    for number in range(seats):
        left = 20 + number * width
        c.rounded((left, 32, left + width - 1, 56), 4)
        c.rounded((left, 52, left + width - 1, 68), 4, c.light)
    c.rounded((6, 42, 22, 76), 7, c.dark)
    c.rounded((78, 42, 94, 76), 7, c.dark)
    c.rounded((14, 66, 86, 76), 3, c.dark)


def cushion(c: Canvas) -> None:
    """Draw a plump square cushion with pulled-out corners."""
    c.shadow(50, 82, 34)
    c.blob([(14, 18), (50, 23), (86, 18), (81, 50), (86, 84), (50, 79), (14, 84), (19, 50)])
    c.stroke([(24, 28), (38, 33)], 1, c.dark)
    c.stroke([(76, 28), (64, 32)], 1, c.dark)
    c.ellipse(50, 51, 2, 2, c.dark)


def rug(c: Canvas) -> None:
    """Draw a rug lying on the floor, with fringes and a border."""
    for number in range(15):
        share = number / 14
        c.stroke([(25 + 50 * share, 30), (24 + 52 * share, 24)], 0.9, PAPER)
        c.stroke([(9 + 82 * share, 76), (7 + 86 * share, 83)], 1.1, PAPER)
    c.polygon([(24, 29), (76, 29), (92, 77), (8, 77)], c.dark)
    c.polygon([(27, 33), (73, 33), (86, 73), (14, 73)])
    c.polygon([(50, 40), (64, 53), (50, 67), (36, 53)], c.accent)
    c.polygon([(50, 46), (57, 53), (50, 60), (43, 53)], c.main)


def bedding(c: Canvas) -> None:
    """Draw a made bed: headboard, two pillows and a duvet."""
    c.shadow(50, 86, 44)
    c.rounded((10, 20, 90, 60), 5, WOOD)
    c.rounded((12, 44, 88, 84), 4, PAPER)
    c.rounded((17, 36, 47, 54), 6, lighter(c.main, 0.55))
    c.rounded((53, 36, 83, 54), 6, lighter(c.main, 0.55))
    c.blob([(10, 58), (50, 55), (90, 58), (92, 84), (50, 87), (8, 84)])
    c.rounded((10, 54, 90, 62), 3, c.light)


def towel(c: Canvas) -> None:
    """Draw a towel over a rail."""
    c.stroke([(14, 20), (86, 20)], 3, STEEL)
    c.ellipse(14, 20, 3, 3, STEEL)
    c.ellipse(86, 20, 3, 3, STEEL)
    c.polygon([(54, 20), (74, 20), (74, 66), (54, 66)], c.dark)
    c.rounded((27, 18, 66, 84), 2)
    c.rounded((27, 70, 66, 75), 0, c.accent)
    for number in range(14):
        c.stroke([(28.5 + number * 2.75, 84), (28.5 + number * 2.75, 87)], 0.8, c.main)


def clock(c: Canvas) -> None:
    """Draw a round clock at ten past ten."""
    c.shadow(52, 54, 38, 38)
    c.ellipse(50, 50, 36, 36)
    c.ellipse(50, 50, 29, 29, PAPER)
    for x, y in (
        (50, 25),
        (75, 50),
        (50, 75),
        (25, 50),
        (62.5, 28.4),
        (37.5, 28.4),
        (62.5, 71.6),
        (37.5, 71.6),
    ):
        c.ellipse(x, y, 1.5, 1.5, INK, shade=False)
    c.stroke([(50, 50), (36, 41)], 2.6, INK)
    c.stroke([(50, 50), (66, 36)], 1.8, INK)
    c.ellipse(50, 50, 2.4, 2.4, c.main)


SHAPES: dict[str, Callable[[Canvas], None]] = {
    "mug": mug,
    "plate": plate,
    "frying_pan": frying_pan,
    "knife": knife,
    "kettle": kettle,
    "lamp": lamp,
    "sofa": sofa,
    "cushion": cushion,
    "rug": rug,
    "bedding": bedding,
    "towel": towel,
    "clock": clock,
}
