"""The storefront's addresses, in the namespace `shop`."""

from django.urls import path, register_converter
from django.urls.converters import PathConverter

from shop.views import accounts, cart, catalogue, checkout, orders, reviews


class CategoryPath(PathConverter):
    """Slugs joined by '/': anything else is no category, and never reaches the database."""

    regex = r"[-\w]+(?:/[-\w]+)*"


register_converter(CategoryPath, "category_path")

app_name = "shop"
urlpatterns = [
    path("", catalogue.home, name="home"),
    path("category/<category_path:path>/", catalogue.category, name="category"),
    path("product/<int:pk>/", catalogue.product, name="product"),
    path("product/<int:pk>/review/", reviews.review, name="review"),
    path("cart/", cart.show, name="cart"),
    path("cart/add/<int:pk>/", cart.add, name="cart_add"),
    path("cart/update/<int:pk>/", cart.update, name="cart_update"),
    path("cart/remove/<int:pk>/", cart.remove, name="cart_remove"),
    path("checkout/", checkout.checkout, name="checkout"),
    path("orders/", orders.order_list, name="orders"),
    path("orders/<uuid:number>/", orders.order, name="order"),
    path("sign-up/", accounts.sign_up, name="signup"),
    path("log-in/", accounts.LogIn.as_view(), name="login"),
    path("log-out/", accounts.LogOut.as_view(), name="logout"),
    path("preferences/", accounts.preferences, name="preferences"),
]
