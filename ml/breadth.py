"""How sharply a user's vector points: who has done more likes more, and each thing less certainly."""

BREADTH_AT = 54.0  # events of a user whose vector has length 1
FEW_EVENTS = 10  # below this the length stays: a newcomer is no specialist


def breadth_scale(num_events: int, *, breadth: float) -> float:
    """The length of the vector of a user with so many events in the history."""
    return float(((1 + max(num_events, FEW_EVENTS)) / (1 + BREADTH_AT)) ** -breadth)
