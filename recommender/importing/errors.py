"""What an import may say to its caller."""


class ImportRefused(Exception):
    """The whole import is refused and nothing was written; the message is one line that names the cure."""


class BadValue(Exception):
    """One row is refused; the message is the reason in the reject file."""
