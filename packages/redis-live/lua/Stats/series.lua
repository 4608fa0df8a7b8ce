#!lua flags=allow-oom
-- One name's sums by bucket, the last of which is the present one.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] kind   of buckets: 1m or 1h
-- ARGV[3] span   of a bucket, ms
-- ARGV[4] count  of buckets
-- ARGV[5] name
-- RETURNS {format} of newer data, else {"", number of the last bucket, sum, ...}, the oldest first
-- COST O(count)
-- COMMANDS TIME, HMGET, HGET
-- PARTS ground
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local last = math.floor(now / ARGV[3])
local reply = { '', int(last) }
for bucket = last - ARGV[4] + 1, last do
  reply[#reply + 1] = call('HGET', base .. ':' .. ARGV[2] .. ':' .. int(bucket), ARGV[5]) or '0'
end
return reply
