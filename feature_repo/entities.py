"""Who and what features are about."""

from feast import Entity, ValueType

user = Entity(
    name="user", join_keys=["user_id"], value_type=ValueType.INT64, description="An account of the shop."
)
product = Entity(
    name="product", join_keys=["product_id"], value_type=ValueType.INT64, description="Something for sale."
)
