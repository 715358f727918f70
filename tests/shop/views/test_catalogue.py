import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from recommender.recommendations import RecommendedList
from shop.models import Category, ProductImage, Profile
from shop.signals import product_clicked, product_viewed

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf(make_product):
    """Return a function that makes products with pictures in one category."""

    def fill(count, **fields):
        products = [make_product(category="Home > Kitchen", brand="Acme", **fields) for _ in range(count)]
        for product in products:
            ProductImage.objects.create(product=product, url=f"https://example.com/{product.pk}.jpg")
        return products

    return fill


def queries_of(client, django_assert_max_num_queries, url):
    with django_assert_max_num_queries(60) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def own_queries(client, django_assert_max_num_queries, url, monkeypatch):
    """Count the shop's own reads; the recommender's lists have their own tests."""

    def nothing(placement, **_):
        return RecommendedList(
            impression_id=uuid.uuid4(),
            placement=placement,
            products=[],
            source="",
            version_id=None,
            sources=[],
            reasons=[],
        )

    with monkeypatch.context() as patch, django_assert_max_num_queries(100) as captured:
        patch.setattr("recommender.templatetags.recommender_tags.recommend", nothing)
        assert client.get(url).status_code == 200
    return len(captured)


class TestHome:
    def test_a_guest_is_asked_in_and_a_shopper_greeted(self, client, alice, alice_client):
        assert (
            reverse("shop:signup")
            in client.get("/").content.decode().split('class="hero')[1].split("</section>")[0]
        )
        hero = alice_client.get("/").content.decode().split('class="hero')[1].split("</section>")[0]
        assert f"Hello, {alice.get_short_name()}" in hero
        assert reverse("shop:preferences") in hero

    def test_shows_departments_and_what_others_love(self, client, shelf):
        shelf(1, name="Blue mug", rating=Decimal("4.50"), rating_count=12)
        page = client.get(reverse("shop:home"))
        for text in ("Departments", "Loved by shoppers", "Blue mug", "4.5 of 5 stars"):
            assert text in page.content.decode()

    def test_an_empty_shop_says_how_to_fill_it(self, client):
        page = client.get(reverse("shop:home"))
        assert page.status_code == 200
        assert "import_dataset" in page.content.decode()

    def test_asks_a_user_without_preferences_for_them_and_no_one_else(
        self, client, alice_client, alice, shelf
    ):
        shelf(1)
        question = "Pick what you like"
        assert question in alice_client.get("/").content.decode()
        assert question not in client.get("/").content.decode()
        alice.profile.preferences.add(Category.objects.get(name="Kitchen"))
        assert question not in alice_client.get("/").content.decode()

    def test_costs_the_same_queries_however_full_the_shelves(
        self, client, shelf, django_assert_max_num_queries, monkeypatch
    ):
        client.get("/")
        shelf(2, rating=Decimal(5), rating_count=1)
        few = own_queries(client, django_assert_max_num_queries, "/", monkeypatch)
        shelf(4, rating=Decimal(5), rating_count=1)
        assert own_queries(client, django_assert_max_num_queries, "/", monkeypatch) <= few


class TestCategory:
    url = "/category/home/kitchen/"

    def test_shows_the_way_down_the_subcategories_and_the_products_below(self, client, make_product):
        make_product("Blue mug", category="Home > Kitchen > Mugs")
        page = client.get(self.url).content.decode()
        assert "Blue mug" in page
        assert 'href="/category/home/"' in page
        assert 'href="/category/home/kitchen/mugs/"' in page

    @pytest.mark.parametrize("number", ["1000000000", "0", "-1", "text", "1e9", "", "\x00", "9" * 400])
    def test_a_page_that_is_not_there_shows_one_that_is(self, client, shelf, number):
        shelf(25)
        page = client.get(self.url, {"page": number})
        assert page.status_code == 200
        assert page.context["page"].number in (1, 2)
        assert page.context["page"].object_list

    def test_pages_keep_the_filter(self, client, shelf):
        shelf(25)
        page = client.get(self.url, {"sort": "price", "brand": "Acme"})
        assert "?sort=price&amp;brand=Acme&amp;page=2" in page.content.decode()
        assert len(page.context["page"].object_list) == 24

    def test_sorts_and_narrows(self, client, make_product):
        make_product("Cheap", category="Home > Kitchen", price=5, brand="Acme")
        make_product("Dear", category="Home > Kitchen", price=50, brand="Bolt")

        def listed(**query):
            return [product.name for product in client.get(self.url, query).context["page"]]

        assert listed(sort="-price") == ["Dear", "Cheap"]
        assert listed(min_price="10") == ["Dear"]
        assert listed(brand="Acme") == ["Cheap"]
        assert listed(brand="Nobody") == []

    @pytest.mark.parametrize(
        "query",
        [
            {"min_price": "text"},
            {"min_price": "NaN"},
            {"min_price": "1e400"},
            {"max_price": "-1"},
            {"max_price": "9" * 50},
            {"sort": "'; DROP TABLE"},
        ],
    )
    def test_a_filter_that_makes_no_sense_is_left_out(self, client, shelf, query):
        shelf(2)
        page = client.get(self.url, query)
        assert page.status_code == 200
        assert len(page.context["page"].object_list) == 2

    def test_a_brand_that_no_database_can_hold_is_left_out(self, client, shelf):
        shelf(2)
        assert client.get(self.url, {"brand": "a\x00b"}).status_code == 200

    @pytest.mark.parametrize(
        "path", ["/category/nowhere/", "/category/home%00/", "/category/../", "/category/a//b/"]
    )
    def test_an_unknown_category_is_not_found(self, client, db, path):
        assert client.get(path).status_code == 404

    def test_hides_what_the_visitor_may_not_buy(self, client, alice_client, alice, make_product):
        make_product("Wine", category="Home > Kitchen", min_age=18)
        make_product("Mug", category="Home > Kitchen")
        today = timezone.localdate()
        Profile.objects.filter(user=alice).update(birth_date=today.replace(year=today.year - 30, day=1))
        assert "Wine" not in client.get(self.url).content.decode()
        assert "Wine" in alice_client.get(self.url).content.decode()

    def test_says_when_nothing_fits(self, client, shelf):
        shelf(1)
        assert "Nothing here fits" in client.get(self.url, {"min_price": "9999"}).content.decode()

    def test_costs_the_same_queries_however_long(self, client, shelf, django_assert_max_num_queries):
        client.get("/")
        shelf(2)
        few = queries_of(client, django_assert_max_num_queries, self.url)
        shelf(10)
        assert queries_of(client, django_assert_max_num_queries, self.url) == few <= 10


class TestProduct:
    def test_shows_what_a_buyer_wants_to_know(self, client, make_product):
        mug = make_product(
            "Blue mug",
            description="Holds tea.",
            price=Decimal("8.00"),
            list_price=Decimal("10.00"),
            stock=3,
            attributes={"glaze_colour": "cobalt"},
        )
        page = client.get(mug.get_absolute_url()).content.decode()
        for text in ("Holds tea.", "$8.00", "$10.00", "20% off", "Only 3 left", "Glaze colour", "cobalt"):
            assert text in page
        assert "no-picture.svg" in page

    def test_a_sold_out_product_has_no_button(self, client, make_product):
        page = client.get(make_product(stock=0).get_absolute_url()).content.decode()
        assert "Sold out" in page
        assert "Add to cart" not in page

    @pytest.mark.parametrize("number", ["0", "999999", "9" * 60])
    def test_an_unknown_product_is_not_found(self, client, db, number):
        answer = client.get(f"/product/{number}/")
        assert answer.status_code == 404
        assert "There is no such page" in answer.content.decode()

    def test_an_inactive_or_coming_product_is_not_found(self, client, make_product):
        coming = make_product(released_at=timezone.now() + timedelta(days=1))
        for product in (make_product(active=False), coming):
            assert client.get(product.get_absolute_url()).status_code == 404

    def test_a_product_that_the_visitor_may_not_buy_says_why_and_shows_nothing_of_it(
        self, client, make_product, hear
    ):
        heard = hear(product_viewed)
        for fields in ({"min_age": 18}, {"regions": ["JP"]}):
            answer = client.get(make_product("Absinthe", **fields).get_absolute_url())
            assert answer.status_code == 404
            assert "Not available to you" in answer.content.decode()
            assert "Absinthe" not in answer.content.decode()
        assert heard == []

    def test_each_view_is_told_with_an_event_of_its_own(self, client, make_product, hear):
        mug, heard, clicks = make_product(), hear(product_viewed), hear(product_clicked)
        client.get(mug.get_absolute_url())
        client.get(mug.get_absolute_url())
        assert [fact["product"] for fact in heard] == [mug, mug]
        assert heard[0]["event_id"] != heard[1]["event_id"]
        assert heard[0]["visitor"].id == heard[1]["visitor"].id
        assert clicks == []

    def test_a_click_on_a_recommendation_carries_its_impression(self, client, make_product, hear):
        mug, heard, clicks = make_product(), hear(product_viewed), hear(product_clicked)
        impression = uuid.uuid4()
        page = client.get(mug.get_absolute_url(), {"imp": impression, "pl": "home_for_you"})
        for fact in (*heard, *clicks):
            assert (fact["impression_id"], fact["placement"]) == (impression, "home_for_you")
        assert len(heard) == len(clicks) == 1
        assert f'name="imp" value="{impression}"' in page.content.decode()

    def test_a_page_loaded_again_is_a_second_view_of_one_click(self, client, make_product, hear):
        mug, pan, heard, clicks = make_product(), make_product(), hear(product_viewed), hear(product_clicked)
        origin = {"imp": uuid.uuid4(), "pl": "home_for_you"}
        for product in (mug, mug, pan):
            client.get(product.get_absolute_url(), origin)
        first, again, other = (fact["event_id"] for fact in clicks)
        assert first == again != other
        assert len({fact["event_id"] for fact in heard}) == 3

    @pytest.mark.parametrize(
        "query",
        [
            {"imp": "nonsense", "pl": "home_for_you"},
            {"imp": str(uuid.uuid4())},
            {"pl": "home_for_you"},
            {"imp": str(uuid.uuid4()), "pl": "<script>"},
            {"imp": str(uuid.uuid4()), "pl": "a" * 41},
            {"imp": str(uuid.uuid4()), "pl": "a\x00"},
            {"imp": str(uuid.uuid4()), "pl": "home\n"},
        ],
    )
    def test_an_origin_that_we_never_sent_counts_as_none(self, client, make_product, hear, query):
        heard, clicks = hear(product_viewed), hear(product_clicked)
        assert client.get(make_product().get_absolute_url(), query).status_code == 200
        assert clicks == []
        assert (heard[0]["impression_id"], heard[0]["placement"]) == (None, "")

    def test_a_listener_that_fails_does_not_fail_the_page(self, client, make_product, break_listener):
        break_listener(product_viewed)
        assert client.get(make_product().get_absolute_url()).status_code == 200

    def test_costs_the_same_queries_with_more_reviews_and_pictures(
        self, client, shelf, alice, bob, django_assert_max_num_queries, monkeypatch
    ):
        mug = shelf(1)[0]
        client.get(mug.get_absolute_url())
        mug.reviews.create(user=alice, rating=5)
        few = own_queries(client, django_assert_max_num_queries, mug.get_absolute_url(), monkeypatch)
        mug.reviews.create(user=bob, rating=4)
        for position in (1, 2):
            ProductImage.objects.create(product=mug, url="https://example.com/x.jpg", position=position)
        assert (
            own_queries(client, django_assert_max_num_queries, mug.get_absolute_url(), monkeypatch)
            == few
            <= 20
        )
