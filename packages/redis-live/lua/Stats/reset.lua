#!lua flags=allow-oom
-- Clears a name everywhere, and remembers that it did.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] name
-- ARGV[3] most    resets that are remembered
-- ARGV[4] memory  ms
-- RETURNS {format} of newer data, else {"", number of this reset}: the server's time in µs, or one more than the last
-- COST O(senders + buckets)
-- COMMANDS TIME, HMGET, HSET, HDEL, ZADD, ZRANGE, ZREMRANGEBYSCORE, ZREMRANGEBYRANK
-- PARTS ground
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local name, resets = ARGV[2], base .. ':resets'
call('HDEL', base .. ':totals', name)
for _, sender in ipairs(call('ZRANGE', base .. ':live', 0, -1)) do
  call('HDEL', base .. ':sums:' .. sender, name)
  call('HDEL', base .. ':gauges:' .. sender, name)
end
for _, bucket in ipairs(call('ZRANGE', base .. ':buckets', 0, -1)) do call('HDEL', base .. bucket, name) end
local reset = int(math.max(m.reset + 1, micros))
call('HSET', KEYS[2], 'format', '1', 'reset', reset)
call('ZADD', resets, reset, name)
call('ZREMRANGEBYSCORE', resets, '-inf', int((now - ARGV[4]) * 1000))
call('ZREMRANGEBYRANK', resets, 0, -1 - ARGV[3])
return { '', reset }
