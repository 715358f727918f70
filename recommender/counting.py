"""Events into the windows' counts: each once, however often it is delivered.

A shopper, or a product, has one text of 16-byte records (start, category, views, clicks). A record covers 10
seconds, once it is older than 5 minutes a minute, and once older than an hour a quarter of an hour; so an
event leaves a window at most that much early. Texts expire a day after their last event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import redis

from recommender import redis_door
from recommender.models import Interaction
from shop.models import Product

SECONDS = (300, 3600, 86_400)  # the windows
# What comes from a clock a little ahead is counted when its time has come; from another day it is no event.
MOST_AHEAD = 3600
FOLLOWED_KINDS = frozenset({"click", "view", "cart_add", "purchase"})

_SEEN_SECONDS = 7 * 24 * 3600
_MAX_RECORDS = 2_000  # of one subject; the oldest go first
_MAX_SEEN = 5_000  # products of one shopper, whose counts then start anew
_FOLLOWED = -1_000_000_000  # in place of a count: it stays below zero however often the product is seen

# One script, hence one step: an event is marked as counted and counted, or neither. Whoever delivers it
# again, after a crash or from the database, changes nothing.
_COUNT = f"""
local prefix, now = KEYS[1], tonumber(ARGV[1])

local function floored(start)
  local age = now - start
  return start - start % (age < 330 and 10 or age < 3720 and 60 or 900)
end

local function compacted(text)
  local rows, places = {{}}, {{}}
  for offset = 1, #text, 16 do
    local start, category, views, clicks = struct.unpack('<I4I4I4I4', text, offset)
    if now - start < {SECONDS[-1]} + 900 then
      start = floored(start)
      local name = start .. ':' .. category
      local row = rows[places[name]]
      if row then
        row[3], row[4] = row[3] + views, row[4] + clicks
      else
        rows[#rows + 1] = {{start, category, views, clicks}}
        places[name] = #rows
      end
    end
  end
  local packed = {{}}
  for place = math.max(1, #rows - {_MAX_RECORDS} + 1), #rows do
    packed[#packed + 1] = struct.pack('<I4I4I4I4', unpack(rows[place]))
  end
  return table.concat(packed)
end

local function add(subject, start, category, views, clicks)
  local key = prefix .. 'of:' .. subject
  local last = redis.call('GETRANGE', key, -16, -1)
  local size = redis.call('STRLEN', key)
  local s, c, v, k
  if #last == 16 then s, c, v, k = struct.unpack('<I4I4I4I4', last) end
  if s == start and c == category then
    redis.call('SETRANGE', key, size - 16, struct.pack('<I4I4I4I4', s, c, v + views, k + clicks))
  else
    size = redis.call('APPEND', key, struct.pack('<I4I4I4I4', start, category, views, clicks))
    if size % 1024 == 0 then redis.call('SET', key, compacted(redis.call('GET', key))) end
  end
  redis.call('EXPIRE', key, {SECONDS[-1] + 3600})
end

local new, newest = 0, tonumber(redis.call('GET', prefix .. 'newest') or '0')
for i = 2, #ARGV, 8 do
  local at, product = tonumber(ARGV[i + 1]), ARGV[i + 3]
  local counted = prefix .. 'counted:' .. math.floor(at / 3600)
  if redis.call('SADD', counted, ARGV[i]) == 1 then
    redis.call('EXPIRE', counted, {SECONDS[-1] + 7200})
    local actor, category = ARGV[i + 2], tonumber(ARGV[i + 4])
    local views, clicks = tonumber(ARGV[i + 5]), tonumber(ARGV[i + 6])
    if views + clicks > 0 then
      add(actor, floored(at), category, views, clicks)
      add('product:' .. product, floored(at), category, views, clicks)
      redis.call('ZADD', prefix .. 'due', now, 'product:' .. product)
      if string.sub(actor, 1, 5) == 'user:' then redis.call('ZADD', prefix .. 'due', now, actor) end
    end
    if ARGV[i + 7] == '1' then
      redis.call('HSET', prefix .. 'seen:' .. actor, product, {_FOLLOWED})
      redis.call('EXPIRE', prefix .. 'seen:' .. actor, {_SEEN_SECONDS})
    end
    new, newest = new + 1, math.max(newest, at)
  end
end
redis.call('SET', prefix .. 'newest', newest)
return new
"""
_SEE = f"""
local key = KEYS[1] .. 'seen:' .. ARGV[1]
if redis.call('HLEN', key) > {_MAX_SEEN} then redis.call('DEL', key) end
for i = 3, #ARGV, 2 do
  local counted = KEYS[1] .. 'counted:' .. ARGV[2]
  if redis.call('SADD', counted, ARGV[i]) == 1 then
    redis.call('EXPIRE', counted, {SECONDS[-1] + 7200})
    redis.call('HINCRBY', key, ARGV[i + 1], 1)
    redis.call('EXPIRE', key, {_SEEN_SECONDS})
  end
end
"""
_JOIN = f"""
local from, to = ARGV[1], ARGV[2]
local text = redis.call('GET', KEYS[1] .. 'of:' .. from)
if text then
  redis.call('APPEND', KEYS[1] .. 'of:' .. to, text)
  redis.call('EXPIRE', KEYS[1] .. 'of:' .. to, {SECONDS[-1] + 3600})
end
local seen = redis.call('HGETALL', KEYS[1] .. 'seen:' .. from)
for i = 1, #seen, 2 do redis.call('HINCRBY', KEYS[1] .. 'seen:' .. to, seen[i], seen[i + 1]) end
if #seen > 0 then redis.call('EXPIRE', KEYS[1] .. 'seen:' .. to, {_SEEN_SECONDS}) end
redis.call('DEL', KEYS[1] .. 'of:' .. from, KEYS[1] .. 'seen:' .. from)
redis.call('ZADD', KEYS[1] .. 'due', ARGV[3], to)
"""


@dataclass(frozen=True, kw_only=True)
class Event:
    """An interaction, as far as counting goes."""

    event_id: UUID
    kind: str
    product_id: int
    visitor_id: UUID | None
    user_id: int | None
    occurred_at: float  # seconds since 1970

    @property
    def actor(self) -> str:
        return actor_of(user_id=self.user_id, visitor_id=self.visitor_id)


def actor_of(*, user_id: int | None, visitor_id: UUID | None) -> str:
    """Return the name under which a shopper's windows are kept: the account's, else the browser's."""
    return f"visitor:{visitor_id}" if user_id is None else f"user:{user_id}"


def count(client: redis.Redis, events: Sequence[Event], *, now: datetime) -> int:
    """Return how many of the events were new; each is counted once however often it comes. One query.

    Events of more than a day ago or from far ahead of the clock, and of products that are gone, are left out.
    """
    moment = now.timestamp()
    timely = [event for event in events if moment - SECONDS[-1] < event.occurred_at <= moment + MOST_AHEAD]
    products = Product.objects.filter(pk__in={event.product_id for event in timely})
    category_of = dict(products.values_list("pk", "category_id"))
    arguments: list[bytes | str | int] = [int(moment)]
    for event in timely:
        if event.product_id in category_of:
            arguments += [event.event_id.bytes, int(event.occurred_at), event.actor, event.product_id]
            arguments += [category_of[event.product_id], int(event.kind == Interaction.Kind.VIEW)]
            arguments += [int(event.kind == Interaction.Kind.CLICK), int(event.kind in FOLLOWED_KINDS)]
    if len(arguments) == 1:
        return 0
    return int(client.eval(_COUNT, 1, prefix(), *arguments))  # type: ignore[arg-type]


def count_seen(
    client: redis.Redis,
    impression_id: UUID,
    *,
    actor_name: str,
    served_at: datetime,
    product_ids: Sequence[int],
    positions: Sequence[int],
) -> None:
    """Add one to the times that the shopper saw the products at the positions; a position counts once."""
    if served_at.timestamp() < datetime.now(tz=served_at.tzinfo).timestamp() - SECONDS[-1]:
        return  # what told that it was counted has expired
    arguments: list[bytes | str | int] = [actor_name, int(served_at.timestamp()) // 3600]
    for position in positions:
        arguments += [impression_id.bytes + position.to_bytes(2, "big"), product_ids[position]]
    client.eval(_SEE, 1, prefix(), *arguments)  # type: ignore[arg-type]


def join_guest(client: redis.Redis, *, visitor_id: UUID, user_id: int, now: datetime) -> None:
    """Give the account the counts of what its browser did as a guest; a second time there are none."""
    names = f"visitor:{visitor_id}", f"user:{user_id}"
    client.eval(_JOIN, 1, prefix(), *names, str(int(now.timestamp())))


def prefix() -> str:
    """Return how every key of the windows begins."""
    return redis_door.key("win", "")
