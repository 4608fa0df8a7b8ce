#!lua flags=allow-oom
-- Has a peer that is gone enter no more rooms, and names some that it has places in.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] peer   its id, encoded
-- ARGV[3] grave  ms that it is known to be gone
-- ARGV[4] count  of rooms
-- RETURNS {format} of newer data, else {"", room, ...}: any of them, so that one that cannot be swept is in nobody's way
-- COST O(count)
-- COMMANDS TIME, HMGET, ZADD, ZREMRANGEBYSCORE, SRANDMEMBER
-- PARTS index
if not open(KEYS[1], KEYS[2]) then return { m.format } end
call('ZREMRANGEBYSCORE', base .. ':gone', '-inf', '(' .. int(now - ARGV[3]))
call('ZADD', base .. ':gone', int(now), ARGV[2])
local reply = call('SRANDMEMBER', base .. ':of:' .. ARGV[2], ARGV[4])
table.insert(reply, 1, '')
return reply
