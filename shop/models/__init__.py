"""The storefront's tables."""

from shop.models.accounts import Profile, User
from shop.models.catalogue import Category, Product, ProductImage
from shop.models.orders import Cart, CartItem, Order, OrderItem
from shop.models.reviews import Review

__all__ = [
    "Cart",
    "CartItem",
    "Category",
    "Order",
    "OrderItem",
    "Product",
    "ProductImage",
    "Profile",
    "Review",
    "User",
]
