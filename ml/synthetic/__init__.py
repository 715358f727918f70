"""A made shop: catalogue, shoppers with recoverable tastes, what they did, and pictures of the products."""

from ml.synthetic.parquet import write_parquet
from ml.synthetic.shop import ShopConfig, SyntheticShop, generate

__all__ = ["ShopConfig", "SyntheticShop", "generate", "write_parquet"]
