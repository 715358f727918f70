"""What the shop tells whoever listens. A signal about a cart or an order is sent inside its
transaction, so that a listener's rows and the shop's own are saved together or not at all."""

from django.dispatch import Signal

# Each of these carries `visitor` (shop.visitors.Visitor) and what is named here.
product_viewed = Signal()  # product, event_id: UUID, placement: str, impression_id: UUID | None
product_clicked = Signal()  # product, event_id, placement, impression_id: a recommendation was followed
cart_item_added = Signal()  # product, quantity: int added, placement, impression_id
cart_item_removed = Signal()  # product, quantity: int removed
order_placed = Signal()  # order (with items)
review_submitted = Signal()  # review
visitor_logged_in = Signal()  # visitor (with user set): the guest's history joins the user

# Without a visitor: products or categories were edited, or something sold out; sent inside the transaction.
catalogue_changed = Signal()

# An account is not what it was: its profile, its password, its rights. Carries `user_id`.
account_changed = Signal()
