"""Drawings of toys and sports gear."""

from collections.abc import Callable
from math import cos, pi, sin

from ml.synthetic.pictures.canvas import Canvas
from ml.synthetic.pictures.colours import INK, NAMED, PAPER, STEEL, WOOD, darker, lighter


def teddy(c: Canvas) -> None:
    """Draw a sitting teddy bear."""
    c.shadow(50, 88, 34)
    for x in (33, 67):
        c.ellipse(x, 18, 9, 9)
        c.ellipse(x, 18, 5, 5, c.light)
        c.ellipse(50 + (x - 50) * 1.55, 60, 9, 13)
    c.ellipse(50, 66, 23, 22)
    c.ellipse(50, 68, 14, 14, c.light)
    for x in (28, 72):
        c.ellipse(x, 82, 12, 8)
        c.ellipse(x, 83, 6, 4.5, c.light)
    c.ellipse(50, 33, 23, 20)
    c.ellipse(50, 40, 10, 8, c.light)
    c.ellipse(50, 36.5, 3.4, 2.4, INK, shade=False)
    for x in (41, 59):
        c.ellipse(x, 30, 2.4, 2.6, INK, shade=False)
    c.arc((45, 38, 55, 46), 20, 160, 1, INK)


def blocks(c: Canvas) -> None:
    """Draw a stack of building blocks."""
    c.shadow(50, 86, 38)
    others = (NAMED["Sunny Yellow"], NAMED["Royal Blue"], NAMED["Grass Green"])
    c.rounded((14, 60, 38, 85), 2)
    c.rounded((39, 60, 63, 85), 2, others[0])
    c.rounded((64, 60, 88, 85), 2, others[1])
    c.rounded((26, 34, 50, 59), 2, others[2])
    c.rounded((51, 34, 75, 59), 2)
    c.polygon([(38, 33), (63, 33), (50.5, 9)], c.dark)
    c.ellipse(26, 72.5, 6, 6, c.accent, shade=False)
    c.rounded((46, 67, 56, 78), 0, PAPER, shade=False)
    c.polygon([(57.5, 53), (68.5, 53), (63, 41)], c.accent, shade=False)


def toy_car(c: Canvas) -> None:
    """Draw a toy car from the side."""
    c.shadow(50, 80, 42)
    c.blob([(26, 48), (34, 30), (50, 26), (64, 30), (74, 48)], c.dark)
    c.blob([(33, 47), (38, 35), (48, 32), (48, 47)], (206, 228, 240))
    c.blob([(52, 47), (52, 32), (62, 35), (67, 47)], (206, 228, 240))
    c.rounded((8, 46, 92, 70), 10)
    c.ellipse(89, 55, 3, 4, (255, 236, 150))
    for x in (28, 72):
        c.ellipse(x, 70, 12, 12, (46, 46, 50))
        c.ellipse(x, 70, 6, 6, STEEL)
    if c.pick(2):
        c.ellipse(50, 58, 7, 7, PAPER)
        c.stroke([(50, 54), (50, 62)], 1.8, INK)


def board_game(c: Canvas) -> None:
    """Draw a board with squares, two pawns and a die."""
    c.shadow(50, 80, 42)
    c.polygon([(26, 26), (74, 26), (93, 78), (7, 78)], c.dark)
    for row in range(5):
        for column in range(5):
            corners = [
                _on_board(column + right, row + down) for right, down in ((0, 0), (1, 0), (1, 1), (0, 1))
            ]
            c.polygon(corners, c.main if (row + column) % 2 else PAPER, shade=False)
    for x, y, colour in ((36, 46, NAMED["Red"]), (66, 58, NAMED["Royal Blue"])):
        c.polygon([(x - 6, y + 8), (x + 6, y + 8), (x + 2, y - 6), (x - 2, y - 6)], colour)
        c.ellipse(x, y - 8, 4.6, 4.6, colour)
    c.rounded((44, 60, 56, 72), 2, PAPER)
    for x, y in ((47, 63), (53, 69), (50, 66)):
        c.ellipse(x, y, 1.2, 1.2, INK, shade=False)


def _on_board(column: float, row: float) -> tuple[float, float]:
    """Return where a corner of the five by five board lies, seen from the front."""
    half = 22 + row * 3.4
    return 50 - half + column / 5 * 2 * half, 29 + row * 9.2


def puzzle(c: Canvas) -> None:
    """Draw four jigsaw pieces, one of them apart."""
    c.shadow(50, 84, 40)
    pieces = ((12, 18, None), (43, 18, c.light), (12, 49, c.accent))
    for left, top, colour in pieces:
        c.rounded((left, top, left + 31, top + 31), 1.5, colour)
    c.ellipse(43.5, 33, 5.5, 5.5)
    c.ellipse(27, 49.5, 5.5, 5.5)
    c.ellipse(58, 49.5, 5.5, 5.5, c.light)
    c.rounded((56, 58, 86, 88), 1.5, c.dark)
    c.ellipse(56, 73, 5.5, 5.5, c.dark)
    c.ellipse(71, 58, 5.5, 5.5, (226, 229, 230), shade=False)


def dumbbell(c: Canvas) -> None:
    """Draw a hex dumbbell."""
    c.shadow(50, 74, 44)
    c.rounded((30, 44, 70, 54), 3, STEEL)
    for x in (20, 80):
        c.polygon(
            [
                (x - 13, 38),
                (x - 7, 26),
                (x + 7, 26),
                (x + 13, 38),
                (x + 13, 60),
                (x + 7, 73),
                (x - 7, 73),
                (x - 13, 60),
            ]
        )
        c.polygon(
            [
                (x - 8, 40),
                (x - 4, 33),
                (x + 4, 33),
                (x + 8, 40),
                (x + 8, 58),
                (x + 4, 66),
                (x - 4, 66),
                (x - 8, 58),
            ],
            c.dark,
        )
        c.ellipse(x, 49, 4, 4, c.accent)
    for x in range(38, 64, 4):
        c.stroke([(x, 45), (x, 53)], 0.7, (120, 124, 132))


def yoga_mat(c: Canvas) -> None:
    """Draw a half rolled mat."""
    c.shadow(50, 78, 44)
    c.polygon([(30, 44), (94, 60), (74, 82), (12, 62)])
    c.polygon([(10, 50), (42, 30), (52, 38), (22, 62)], c.dark)
    c.ellipse(16, 56, 9, 11)
    c.ring(16, 56, 9, 11, 1.4, c.dark)
    c.ring(16, 56, 5.6, 7, 1.4, c.dark)
    c.ring(16, 56, 2.4, 3.2, 1.4, c.dark)
    c.ellipse(47, 34, 7, 8, c.dark)


def backpack(c: Canvas) -> None:
    """Draw a backpack from the front."""
    c.shadow(50, 88, 30)
    c.arc((40, 5, 60, 25), 180, 360, 3, c.dark)
    c.rounded((17, 44, 30, 80), 5, c.dark)
    c.rounded((70, 44, 83, 80), 5, c.dark)
    c.blob([(26, 30), (36, 15), (64, 15), (74, 30), (77, 80), (66, 88), (34, 88), (23, 80)])
    c.rounded((32, 54, 68, 82), 5, c.dark)
    c.stroke([(35, 60), (65, 60)], 1.2, c.accent)
    c.stroke([(30, 36), (50, 31), (70, 36)], 1.2, c.accent, curved=True)
    c.rounded((64, 59, 66, 66), 1, STEEL)
    for x in (38, 62):
        c.rounded((x - 2, 36, x + 2, 54), 1, c.light)


def tent(c: Canvas) -> None:
    """Draw a ridge tent with its door open."""
    c.shadow(50, 80, 46)
    c.polygon([(36, 24), (70, 18), (95, 70), (66, 80)], c.dark)
    c.polygon([(36, 22), (66, 80), (6, 80)])
    c.polygon([(36, 34), (46, 80), (26, 80)], (54, 52, 58))
    c.polygon([(36, 34), (26, 80), (18, 80)], c.light)
    c.stroke([(36, 22), (70, 17)], 1.4, INK)
    c.stroke([(36, 24), (4, 84)], 0.7, INK)
    c.stroke([(70, 18), (98, 74)], 0.7, INK)


def bottle(c: Canvas) -> None:
    """Draw an insulated drinking bottle with a loop."""
    c.shadow(50, 89, 20)
    c.arc((42, 6, 58, 22), 180, 360, 2.6, INK)
    c.rounded((41, 14, 59, 24), 2, INK)
    c.blob([(42, 24), (58, 24), (64, 34), (65, 60), (64, 86), (50, 89), (36, 86), (35, 60), (36, 34)])
    c.rounded((35, 76, 65, 80), 0, c.dark)
    c.rounded((40, 34, 43, 72), 1.5, lighter(c.main, 0.6), shade=False)


def football(c: Canvas) -> None:
    """Draw a football with its five-sided patches."""
    c.shadow(50, 86, 30)
    c.ellipse(50, 50, 36, 36, PAPER)
    centre = [
        (50 + 12 * cos(2 * pi * n / 5 - pi / 2), 50 + 12 * sin(2 * pi * n / 5 - pi / 2)) for n in range(5)
    ]
    for number, (x, y) in enumerate(centre):
        angle = 2 * pi * number / 5 - pi / 2
        c.stroke([(x, y), (50 + 25 * cos(angle), 50 + 25 * sin(angle))], 1.2, INK)
        edge = [(24, 0.0), (29, -0.34), (35.5, -0.24), (35.5, 0.24), (29, 0.34)]
        c.polygon([(50 + r * cos(angle + turn), 50 + r * sin(angle + turn)) for r, turn in edge], c.main)
        begin = (50 + 29 * cos(angle + 0.34), 50 + 29 * sin(angle + 0.34))
        end = (50 + 29 * cos(angle + 2 * pi / 5 - 0.34), 50 + 29 * sin(angle + 2 * pi / 5 - 0.34))
        c.stroke([begin, end], 1.2, INK)
    c.polygon(centre, c.main)
    c.ring(50, 50, 36, 36, 1, INK)


def racket(c: Canvas) -> None:
    """Draw a tennis racket and a ball."""
    c.shadow(50, 86, 36)
    c.stroke([(56, 58), (80, 88)], 5, INK)
    c.stroke([(46, 60), (57, 60)], 2.6, c.main)
    c.stroke([(57, 46), (58, 61)], 2.6, c.main)
    c.ellipse(38, 36, 25, 28, (244, 246, 246), shade=False)
    for step in range(-18, 19, 6):
        half = 26 * (1 - (step / 24) ** 2) ** 0.5
        c.stroke([(38 + step, 36 - half), (38 + step, 36 + half)], 0.5, (150, 154, 160))
        half = 23 * (1 - (step / 27) ** 2) ** 0.5
        c.stroke([(38 - half, 36 + step), (38 + half, 36 + step)], 0.5, (150, 154, 160))
    c.ring(38, 36, 26, 29, 3.4, c.main)
    c.stroke([(72, 78), (80, 88)], 6, c.dark)
    c.ellipse(26, 80, 8, 8, (210, 226, 70))
    c.arc((16, 74, 28, 88), 290, 60, 1, PAPER)


def bicycle(c: Canvas) -> None:
    """Draw a bicycle from the side."""
    c.shadow(50, 84, 44)
    for x in (24, 76):
        c.ring(x, 64, 19, 19, 2.4, INK)
        c.ring(x, 64, 16.4, 16.4, 0.6, STEEL)
        for number in range(8):
            angle = pi * number / 8
            dx, dy = 16 * cos(angle), 16 * sin(angle)
            c.stroke([(x - dx, 64 - dy), (x + dx, 64 + dy)], 0.3, (150, 154, 160))
    frame = [(24, 64), (40, 38), (66, 36), (48, 64), (24, 64)]
    c.stroke(frame, 2.8, c.main)
    c.stroke([(38, 32), (48, 64)], 2.8, c.main)
    c.stroke([(64, 24), (68, 40), (76, 64)], 2.8, c.main)
    c.stroke([(30, 30), (44, 30)], 3.4, INK)
    c.stroke([(62, 25), (70, 22), (74, 28)], 2.4, INK, curved=True)
    c.ring(48, 64, 6, 6, 1.6, STEEL)
    c.stroke([(48, 64), (53, 74), (57, 74)], 1.6, darker(WOOD))


SHAPES: dict[str, Callable[[Canvas], None]] = {
    "teddy": teddy,
    "blocks": blocks,
    "toy_car": toy_car,
    "board_game": board_game,
    "puzzle": puzzle,
    "dumbbell": dumbbell,
    "yoga_mat": yoga_mat,
    "backpack": backpack,
    "tent": tent,
    "bottle": bottle,
    "football": football,
    "racket": racket,
    "bicycle": bicycle,
}
