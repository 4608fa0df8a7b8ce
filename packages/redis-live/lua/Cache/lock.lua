#!lua
-- Gives a lock where nobody has it, and again to who has it; lets go of some whose time is over.
-- KEYS[1] part   of the locks, which all their keys begin with: as a region's
-- KEYS[2] meta   hash: format, the last fence that was given, the first one
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] name   of the lock, percent-encoded
-- ARGV[3] owner  whoever asks, percent-encoded
-- ARGV[4] ttl    ms
-- ARGV[5] above  a fence: the one that is given is higher
-- RETURNS {format} of newer data, else {"", "H", fence, 0}, or {"", "B", fence, ms}: another has it for so long
-- COST O(log locks)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZADD, ZREM, ZRANGEBYSCORE
-- PARTS ground, locks
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local name, owner, till = ARGV[2], ARGV[3], math.min(now + ARGV[4], forever)
for _, over in ipairs(call('ZRANGEBYSCORE', base .. ':until', '-inf', int(now), 'LIMIT', 0, 16)) do free(over) end
local held = find(name)
if held and held.ends <= now then held = nil end
if held and held.owner ~= owner then
  if held.awaited == '0' then keep(name, held.ends, '1', held.fence, held.owner) end
  return { '', 'B', held.fence, held.ends - now }
end
local fence = held and held.fence or pad(math.max(m.last + 1, ARGV[5] + 1, micros))
if not held then
  if not first() then call('HSET', KEYS[2], 'first', fence) end
  seen(tonumber(fence))
end
keep(name, till, held and held.awaited or '0', fence, owner)
return { '', 'H', fence, 0 }
