import pytest
from django.test import Client
from django.urls import reverse

from shop.models import Cart, Category, Order, Product, ProductImage, Profile, Review, User

pytestmark = pytest.mark.django_db
MODELS = [User, Category, Product, Cart, Order, Review]


@pytest.fixture
def admin(db):
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", "correct-horse-battery"))
    return client


@pytest.fixture
def things(alice, make_product, cart_holding):
    """One row of every model."""
    mug = make_product("Mug")
    ProductImage.objects.create(product=mug, url="https://example.com/mug.jpg", alt="A mug")
    cart_holding(alice, mug)
    order = alice.orders.create(ship_to_name="A", ship_to_address="B", ship_to_region="US", total=10)
    order.items.create(product=mug, name="Mug", price=10, quantity=1)
    mug.reviews.create(user=alice, rating=5)


@pytest.mark.parametrize("model", MODELS)
def test_every_list_is_shown_and_searched(admin, things, model):
    url = reverse(f"admin:shop_{model._meta.model_name}_changelist")
    assert admin.get(url).status_code == 200
    assert admin.get(url, {"q": "mug"}).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_every_row_can_be_opened(admin, things, model):
    row = model.objects.first()
    url = reverse(f"admin:shop_{model._meta.model_name}_change", args=[row.pk])
    assert admin.get(url).status_code == 200


def test_the_product_list_shows_pictures_in_queries_that_do_not_grow(
    admin, make_product, django_assert_max_num_queries
):
    url = reverse("admin:shop_product_changelist")

    def count():
        for _ in range(2):
            ProductImage.objects.create(product=make_product(), url="https://example.com/mug.jpg")
        with django_assert_max_num_queries(30) as captured:
            assert "https://example.com/mug.jpg" in admin.get(url).content.decode()
        return len(captured)

    assert count() == count()


@pytest.mark.parametrize(
    ("level", "names"),
    [("out", {"None"}), ("low", {"Few"}), ("in", {"Few", "Many"}), ("bad", {"None", "Few", "Many"})],
)
def test_products_are_picked_by_their_stock(admin, make_product, level, names):
    for name, stock in (("None", 0), ("Few", 5), ("Many", 6)):
        make_product(name, stock=stock)
    page = admin.get(reverse("admin:shop_product_changelist"), {"stock_level": level})
    assert {product.name for product in page.context["cl"].result_list} == names


def test_a_new_account_gets_one_profile(admin):
    form = {"email": "new@example.com", "name": "New", "usable_password": "true"}
    form |= {"password1": "correct-horse-battery", "password2": "correct-horse-battery"}
    admin.post(reverse("admin:shop_user_add"), form)
    user = User.objects.get(email="new@example.com")
    assert Profile.objects.filter(user=user).count() == 1


def test_orders_are_made_by_checkout_alone(admin):
    assert admin.get(reverse("admin:shop_order_add")).status_code == 403


def test_the_admin_wears_the_shops_icon_and_styles(admin):
    page = admin.get(reverse("admin:index")).content.decode()
    assert "shop-admin" in page
    assert 'rel="icon"' in page
