#!lua flags=allow-oom
-- Keeps somebody who has nothing to say live.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] sender
-- ARGV[3] number  of its last batch that was answered
-- ARGV[4] keep    as in join
-- RETURNS as flush
-- COST O(log senders)
-- COMMANDS TIME, HMGET, HGET, HDEL, DEL, ZSCORE, ZADD, ZREM, ZRANGEBYSCORE
-- PARTS ground, sender
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local sender = ARGV[2]
local last = known(sender)
if not last then return { '', 'U', m.life } end
local isBehind = stay(sender, tonumber(ARGV[4])) or tonumber(ARGV[3]) > last
collect()
return { '', 'K', int(now), int(m.reset), isBehind and 1 or 0, 0 }
