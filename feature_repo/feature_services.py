"""Which features a model of one generation learns from and is served with. A new set is a new _v."""

from feast import FeatureService

from feature_repo.entities import product, user
from feature_repo.feature_views import (
    product_content,
    product_popularity,
    product_windows,
    user_activity,
    user_profile,
    user_top_k,
    user_windows,
)

training_users_v1 = FeatureService(name="training_users_v1", features=[user_profile, user_activity])
training_items_v1 = FeatureService(
    name="training_items_v1",
    features=[product_content, product_popularity[["popularity", "num_ratings", "mean_rating"]]],
)
serving_users_v1 = FeatureService(name="serving_users_v1", features=[user_profile, user_activity])
serving_top_k_v1 = FeatureService(name="serving_top_k_v1", features=[user_top_k])
serving_user_windows_v1 = FeatureService(name="serving_user_windows_v1", features=[user_windows])
serving_product_windows_v1 = FeatureService(name="serving_product_windows_v1", features=[product_windows])

# `feast apply` reads this module alone (.feastignore), and takes from it every definition that it names.
__all__ = [
    "product",
    "product_content",
    "product_popularity",
    "product_windows",
    "serving_product_windows_v1",
    "serving_top_k_v1",
    "serving_user_windows_v1",
    "serving_users_v1",
    "training_items_v1",
    "training_users_v1",
    "user",
    "user_activity",
    "user_profile",
    "user_top_k",
    "user_windows",
]
