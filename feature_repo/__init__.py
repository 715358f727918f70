"""The Feast repository: what the shop knows about users and products, as of any moment."""
