#!lua
-- Makes somebody who counts known.
-- KEYS[1] stats  what all keys begin with
-- KEYS[2] meta   hash: format, life, reset
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] sender  an id, never used before
-- ARGV[3] name    the peer's
-- ARGV[4] life    a name for the data, should it begin
-- ARGV[5] keep    so many ms it is live
-- RETURNS {format} of newer data, else {"", now, last reset, life}
-- COST O(log senders)
-- COMMANDS TIME, HMGET, HSET, HGET, HDEL, DEL, ZSCORE, ZADD, ZREM, ZRANGEBYSCORE
-- PARTS ground, sender
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local sender = ARGV[2]
if m.life == '' then
  m.life = ARGV[4]
  call('HSET', KEYS[2], 'format', '1', 'life', m.life)
end
if not known(sender) then call('HSET', base .. ':senders', sender, '0 ' .. ARGV[3]) end
stay(sender, tonumber(ARGV[5]))
collect()
return { '', int(now), int(m.reset), m.life }
