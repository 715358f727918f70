"""A business rule in words for people: what it does, and whether it is doing so."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

from recommender.models import BusinessRule, Placement

Action = BusinessRule.Action


def sentence(rule: BusinessRule) -> str:
    """Return what the rule does, such as "Boost brand Acme in Home: For You until 3 Dec"."""
    words = [Action(rule.action).name.capitalize(), targets(rule)]
    if rule.action == Action.PIN:
        words.append(f"to position {rule.position}")
    elif rule.action != Action.EXCLUDE and rule.strength != 1:
        words.append(f"with strength {rule.strength:g}")
    words.append(f"in {Placement(rule.placement).label}" if rule.placement else "everywhere")
    if rule.starts_at:
        words.append(f"from {moment(rule.starts_at)}")
    if rule.ends_at:
        words.append(f"until {moment(rule.ends_at)}")
    return " ".join(words)


def targets(rule: BusinessRule) -> str:
    """Return what the rule names, such as "category Mugs and colour blue"."""
    parts = [
        str(rule.product) if rule.product else "",
        f"category {rule.category}" if rule.category else "",
        f"brand {rule.brand}" if rule.brand else "",
        f"{rule.attribute} {rule.attribute_value}" if rule.attribute else "",
    ]
    return " and ".join(filter(None, parts)) or "nothing"


def moment(when: datetime) -> str:
    """Return a short date, with the year where it is another and with the time where it is not midnight."""
    local = timezone.localtime(when)
    year = "" if local.year == timezone.localdate().year else " Y"
    hour = ", H:i" if (local.hour, local.minute) != (0, 0) else ""
    return date_format(local, f"j M{year}{hour}")


def state(rule: BusinessRule, *, now: datetime) -> str:
    """Return whether the rule is in force now, and if not, why."""
    if not rule.active:
        return "Off"
    if rule.ends_at and rule.ends_at <= now:
        return f"Ended {moment(rule.ends_at)}"
    if rule.starts_at and rule.starts_at > now:
        return f"Starts {moment(rule.starts_at)}"
    return "In force"
