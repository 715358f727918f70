"""Drawings of electronic things."""

from collections.abc import Callable

from ml.synthetic.pictures.canvas import Canvas
from ml.synthetic.pictures.colours import INK, STEEL, darker, lighter

SCREEN = (38, 44, 60)


def headphones(c: Canvas) -> None:
    """Draw over-ear headphones."""
    c.shadow(50, 86, 34)
    c.arc((18, 10, 82, 84), 180, 360, 6, c.main)
    c.arc((22, 14, 78, 80), 195, 345, 2.4, c.dark)
    for x, inner in ((22, 29), (78, 71)):
        c.rounded((inner - 7, 48, inner + 7, 82), 6, (60, 60, 66))
        c.rounded((x - 9, 46, x + 9, 84), 8)
        c.ellipse(x, 65, 4, 8, c.dark)


def speaker(c: Canvas) -> None:
    """Draw a loudspeaker with two cones."""
    c.shadow(50, 89, 26)
    c.rounded((26, 10, 74, 88), 6)
    for y, radius in ((29, 11), (61, 19)):
        c.ellipse(50, y, radius, radius, (50, 50, 56))
        c.ring(50, y, radius, radius, 1.6, STEEL)
        c.ellipse(50, y, radius * 0.62, radius * 0.62, (76, 76, 84))
        c.ellipse(50, y, radius * 0.25, radius * 0.25, (30, 30, 34))


def laptop(c: Canvas) -> None:
    """Draw an open laptop."""
    c.shadow(50, 80, 46)
    c.rounded((18, 18, 82, 66), 3)
    c.rounded((21, 21, 79, 62), 1, SCREEN)
    c.blob([(21, 50), (36, 40), (52, 50), (66, 36), (79, 46), (79, 61), (50, 61), (22, 61)], (92, 140, 190))
    c.ellipse(66, 30, 4, 4, (250, 216, 130), shade=False)
    c.polygon([(16, 66), (84, 66), (95, 78), (5, 78)], lighter(c.main, 0.2))
    c.polygon([(22, 67.5), (78, 67.5), (82, 73), (18, 73)], darker(c.main, 0.55))
    c.polygon([(42, 74), (58, 74), (59, 77), (41, 77)], c.dark)
    c.rounded((5, 77.5, 95, 80), 1, c.dark)


def keyboard(c: Canvas) -> None:
    """Draw a keyboard from above."""
    c.shadow(50, 70, 46)
    c.rounded((6, 32, 94, 70), 4)
    for row in range(4):
        for column in range(11):
            left, top = 9.5 + column * 7.4 + row % 2 * 0.6, 35.5 + row * 7.2
            accent = (row, column) in ((0, 0), (2, 10), (1, 10))
            c.rounded(
                (left, top, left + 6, top + 5.8), 1, c.accent if accent else lighter(c.main, 0.7), shade=False
            )
    c.rounded((30, 63.8, 68, 67.6), 1, lighter(c.main, 0.7), shade=False)


def mouse(c: Canvas) -> None:
    """Draw a computer mouse from above."""
    c.shadow(52, 58, 26, 34)
    c.blob([(50, 16), (68, 22), (74, 46), (72, 72), (50, 86), (28, 72), (26, 46), (32, 22)])
    c.stroke([(50, 17), (50, 48)], 1, c.dark)
    c.stroke([(27, 48), (50, 51), (73, 48)], 1, c.dark, curved=True)
    c.rounded((46.5, 26, 53.5, 42), 3.4, INK)
    c.rounded((48, 29, 52, 37), 2, STEEL)


def phone(c: Canvas) -> None:
    """Draw a smartphone: its back with the cameras, and its screen before it."""
    c.shadow(50, 88, 32)
    c.rounded((46, 10, 80, 82), 5)
    c.rounded((60, 14, 76, 32), 4, c.dark)
    for x, y in ((64.5, 19), (71.5, 19), (64.5, 27)):
        c.ellipse(x, y, 2.9, 2.9, (30, 32, 40))
    c.rounded((20, 16, 56, 88), 5, c.dark)
    c.rounded((22, 18, 54, 86), 4, SCREEN)
    c.blob([(22, 60), (32, 48), (44, 58), (54, 50), (54, 82), (38, 86), (22, 82)], (120, 96, 190))
    c.rounded((33, 20, 43, 22.5), 1, INK)
    for row in range(2):
        for column in range(3):
            c.rounded(
                (26 + column * 9, 28 + row * 9, 32 + column * 9, 34 + row * 9), 1.5, c.light, shade=False
            )


def camera(c: Canvas) -> None:
    """Draw a camera from the front."""
    c.shadow(50, 80, 42)
    c.polygon([(36, 30), (41, 18), (59, 18), (64, 30)], c.dark)
    c.rounded((16, 22, 28, 32), 2, STEEL)
    c.rounded((8, 28, 92, 79), 6)
    c.rounded((8, 42, 92, 68), 0, darker(c.main, 0.55) if c.pick(2) else (60, 56, 54))
    c.ellipse(50, 55, 23, 23, STEEL)
    c.ellipse(50, 55, 20, 20, (40, 42, 48))
    c.ellipse(50, 55, 13, 13, (44, 60, 96))
    c.ellipse(45, 50, 4, 3.4, (170, 190, 230), shade=False)
    c.rounded((74, 32, 86, 39), 1.5, (250, 244, 220))
    c.ellipse(80, 26, 4, 3, (190, 50, 50))


SHAPES: dict[str, Callable[[Canvas], None]] = {
    "headphones": headphones,
    "speaker": speaker,
    "laptop": laptop,
    "keyboard": keyboard,
    "mouse": mouse,
    "phone": phone,
    "camera": camera,
}
