#!lua flags=allow-oom
-- How many are in a room, and where its log stands.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] run    the server's run id; empty: the server is asked
-- ARGV[3] fresh  name of an epoch, should one begin
-- RETURNS {format} of newer data, {""} where there is none, else {"", members, epoch, sequence}
-- COST O(those whose time to leave has come)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, HLEN, EXISTS, SADD, SREM, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin('-')
letGo()
finish()
return { '', call('HLEN', base .. ':members'), m.epoch, int(m.sequence) }
