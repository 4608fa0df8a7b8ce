#!lua flags=allow-oom
-- Which peers have open places in a room, and some of those of one of them, in the order in which they began.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] run    the server's run id; empty: the server is asked
-- ARGV[3] fresh  name of an epoch, should one begin
-- ARGV[4] peer   its id, encoded
-- ARGV[5] after  cursor of the page before; empty: there is none
-- ARGV[6] count  of its places
-- ARGV[7] most   peers, which are named on the first page alone
-- RETURNS {format} of newer data, {""} where there is no room, else {"", epoch, run, ms until the next Left that is held back or "",
-- cursor, how many peers, peer, ..., "<id> <ref>", ...}; an empty cursor: that was the last page
-- COST O(count + most, and those whose time to leave has come)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, SRANDMEMBER, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin('-')
letGo()
local next, count = due(), tonumber(ARGV[6])
finish()
local peers = ARGV[5] == '' and call('SRANDMEMBER', base .. ':peers', ARGV[7]) or {}
local from = ARGV[5] == '' and '-inf' or '(' .. ARGV[5]
local found = call('ZRANGEBYSCORE', base .. ':of:' .. ARGV[4], from, '+inf', 'WITHSCORES', 'LIMIT', 0, count)
local reply = { '', m.epoch, run, next, #found < 2 * count and '' or found[#found], #peers }
for _, peer in ipairs(peers) do reply[#reply + 1] = peer end
for i = 1, #found, 2 do reply[#reply + 1] = found[i] end
return reply
