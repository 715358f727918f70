"""Every write that the storefront makes."""
