"""The shop in Django's admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Count, Q, QuerySet, URLField
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from shop.models import (
    Cart,
    CartItem,
    Category,
    Order,
    OrderItem,
    Product,
    ProductImage,
    Profile,
    Review,
    User,
)
from shop.money import money
from shop.signals import account_changed, catalogue_changed

admin.site.site_header = admin.site.site_title = "Shop administration"
admin.site.index_title = "The shop and its recommendations"


def thumbnail(image: ProductImage | None) -> SafeString | str:
    """Return a small picture for a list, or a dash."""
    if image is None or not image.src:
        return "-"
    return format_html('<img src="{}" alt="{}" width="48" height="48" loading="lazy">', image.src, image.alt)


class ProfileInline(admin.StackedInline):
    model = Profile
    autocomplete_fields = ("preferences",)
    can_delete = False


@admin.register(User)
class ShopUserAdmin(UserAdmin):
    """Accounts, by email."""

    ordering = ("email",)
    list_display = ("email", "name", "is_staff", "is_active", "date_joined", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active", "date_joined")
    search_fields = ("email", "name", "external_id")
    date_hierarchy = "date_joined"
    inlines = (ProfileInline,)
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Person", {"fields": ("name", "external_id")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def get_inlines(self, request: HttpRequest, obj: Any | None) -> Any:
        """Leave the profile out of the form that adds an account: there is none yet to edit."""
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save the account, and give a new one the profile that every account has."""
        super().save_model(request, obj, form, change)
        Profile.objects.get_or_create(user=obj)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Tell whoever listens of what was edited: the account, its profile or its password."""
        account_changed.send(User, user_id=obj.pk)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for user in queryset:
            account_changed.send(User, user_id=user.pk)
        return super().log_deletions(request, queryset)


class CatalogueAdmin(admin.ModelAdmin):
    """Tells whoever listens when the catalogue is edited."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        catalogue_changed.send(self.model)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        catalogue_changed.send(self.model)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        catalogue_changed.send(self.model)


@admin.register(Category)
class CategoryAdmin(CatalogueAdmin):
    list_display = ("name", "path", "depth", "num_products")
    list_filter = ("depth",)
    search_fields = ("name", "path")
    autocomplete_fields = ("parent",)
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return super().get_queryset(request).annotate(num_products=Count("products"))

    @admin.display(description="products", ordering="num_products")
    def num_products(self, category: Category) -> int:
        return category.num_products  # type: ignore[attr-defined]


class ProductImageInline(admin.TabularInline):
    model = ProductImage
    extra = 0
    fields = ("preview", "file", "url", "alt", "position")
    readonly_fields = ("preview",)
    formfield_overrides: ClassVar[dict[Any, Any]] = {URLField: {"assume_scheme": "https"}}

    @admin.display(description="picture")
    def preview(self, image: ProductImage) -> SafeString | str:
        return thumbnail(image)


class StockFilter(admin.SimpleListFilter):
    """Picks what is sold out, or nearly."""

    title = "stock"
    parameter_name = "stock_level"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("out", "Sold out"), ("low", "Five or fewer"), ("in", "In stock")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        chosen = {"out": Q(stock=0), "low": Q(stock__range=(1, 5)), "in": Q(stock__gt=0)}
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(Product)
class ProductAdmin(CatalogueAdmin):
    list_display = ("picture", "name", "sku", "category", "brand", "price", "stock", "rating", "active")
    list_display_links = ("picture", "name")
    list_editable = ("stock", "active")
    list_filter = (
        "active",
        StockFilter,
        "category__depth",
        "repeatable",
        "released_at",
    )
    list_select_related = ("category",)
    list_per_page = 50
    search_fields = ("name", "sku", "brand")
    search_help_text = "Name, SKU or brand"
    autocomplete_fields = ("category",)
    date_hierarchy = "released_at"
    readonly_fields = ("rating", "rating_count", "created_at", "updated_at")
    inlines = (ProductImageInline,)
    fieldsets = (
        (None, {"fields": ("sku", "name", "description", "category", "brand", "attributes")}),
        ("Price and stock", {"fields": ("price", "list_price", "stock", "repeatable")}),
        ("Who sees it", {"fields": ("active", "released_at", "regions", "min_age")}),
        ("Kept by the shop", {"fields": ("rating", "rating_count", "created_at", "updated_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return super().get_queryset(request).prefetch_related("images")

    @admin.display(description="picture")
    def picture(self, product: Product) -> SafeString | str:
        return thumbnail(product.picture)


class CartItemInline(admin.TabularInline):
    model = CartItem
    extra = 0
    autocomplete_fields = ("product",)


@admin.register(Cart)
class CartAdmin(admin.ModelAdmin):
    list_display = ("__str__", "num_items", "updated_at")
    list_select_related = ("user",)
    list_filter = ("updated_at",)
    search_fields = ("user__email",)
    autocomplete_fields = ("user",)
    inlines = (CartItemInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cart]:
        return super().get_queryset(request).annotate(num_items=Count("items"))

    @admin.display(description="products", ordering="num_items")
    def num_items(self, cart: Cart) -> int:
        return cart.num_items  # type: ignore[attr-defined]


class OrderItemInline(admin.TabularInline):
    """The lines of an order; what was bought at what price does not change afterwards."""

    model = OrderItem
    extra = 0
    can_delete = False
    fields = readonly_fields = ("product", "name", "price", "quantity", "line_total")

    @admin.display(description="total")
    def line_total(self, item: OrderItem) -> str:
        return money(item.total)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("short_number", "user", "status", "ship_to_region", "total", "placed_at")
    list_filter = ("status", "placed_at", "ship_to_region")
    list_select_related = ("user",)
    search_fields = ("number", "user__email", "ship_to_name")
    date_hierarchy = "placed_at"
    readonly_fields = ("number", "user", "total", "placed_at")
    inlines = (OrderItemInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Orders come from checkout alone, which takes the stock."""
        return False


@admin.register(Review)
class ReviewAdmin(admin.ModelAdmin):
    list_display = ("product", "rating", "title", "user", "created_at")
    list_filter = ("rating", "created_at")
    list_select_related = ("product", "user")
    search_fields = ("product__name", "title", "text", "user__email")
    date_hierarchy = "created_at"
    autocomplete_fields = ("product", "user")
