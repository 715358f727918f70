"""What a web process loads at its start."""

from shop.warmup import warm_up

called: list[str] = []


def note() -> None:
    called.append("note")


def test_calls_every_function_that_the_settings_name(settings):
    settings.WARM_UP = [f"{__name__}.note", f"{__name__}.note"]
    called.clear()
    warm_up()
    assert called == ["note", "note"]
