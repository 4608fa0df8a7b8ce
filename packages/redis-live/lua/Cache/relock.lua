#!lua flags=allow-oom
-- Has a lock held for so long from now, where it still is its owner's.
-- KEYS[1] part   of the locks, which all their keys begin with: as a region's
-- KEYS[2] meta   hash: format, the last fence that was given, the first one
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] name   of the lock, percent-encoded
-- ARGV[3] owner  whoever asks, percent-encoded
-- ARGV[4] ttl    ms
-- ARGV[5] fence  that it was given with
-- RETURNS {format} of newer data, else {"", 1 or 0}: is it still the owner's?
-- COST O(log locks)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZADD, ZREM
-- PARTS ground, locks
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local name, owner, till, fence = ARGV[2], ARGV[3], math.min(now + ARGV[4], forever), tonumber(ARGV[5])
local held = find(name)
if held and held.ends > now then
  if held.owner ~= owner then return { '', 0 } end
  keep(name, till, held.awaited, held.fence, owner)
  return { '', 1 }
end
-- It was given before all that this data knows of, or after: nobody can have it, but by asking.
local known = first()
if known and known <= fence and m.last >= fence then return { '', 0 } end
seen(fence)
keep(name, till, '0', pad(fence), owner)
return { '', 1 }
