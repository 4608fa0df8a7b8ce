#!lua flags=allow-oom
-- Gives a lock back, where it is its owner's, and tells whoever has asked for it meanwhile.
-- KEYS[1] part   of the locks, which all their keys begin with: as a region's
-- KEYS[2] meta   hash: format, the last fence that was given, the first one
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] name   of the lock, percent-encoded
-- ARGV[3] owner  whoever asks, percent-encoded
-- RETURNS {format} of newer data, else {"", 1 or 0}: has anybody?
-- COST O(log locks)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZADD, ZREM, SPUBLISH
-- PARTS ground, locks
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local held = find(ARGV[2])
if not held or held.owner ~= ARGV[3] or held.ends <= now then return { '', 0 } end
free(ARGV[2])
if held.awaited == '1' then call('SPUBLISH', base, ARGV[2]) end
return { '', tonumber(held.awaited) }
