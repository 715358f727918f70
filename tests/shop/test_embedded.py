from django.contrib.auth import get_user_model


def test_alice(alice, bob, visitor, make_product):
    assert get_user_model().objects.count() == 2
    assert make_product(category="Home > Mugs").category.path == "home/mugs"
