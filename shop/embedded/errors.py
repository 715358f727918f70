"""What a caller may catch when a service that the shop needs is not there."""


class ServiceError(Exception):
    """A service is missing; the message says which one, and the cure."""
