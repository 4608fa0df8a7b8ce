#!lua
-- Puts a room into the list of all.
-- KEYS[1] index  what all keys of it begin with
-- KEYS[2] meta   hash, as in parts/index
-- ARGV[1] now   ms since 1970; empty: the server's own clock
-- ARGV[2] room
-- RETURNS {format} of newer data, else {"", its stamp}: the time in ms, or one more than the last that it had, where that is greater
-- COST O(log rooms)
-- COMMANDS TIME, HMGET, HGET, HSET, ZADD
-- PARTS index
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local last = tonumber(call('HGET', base .. ':stamps', ARGV[2]) or m.floor)
local stamp = int(math.max(now, last + 1))
call('HSET', KEYS[2], 'format', '1')
call('ZADD', base .. ':all', 0, ARGV[2])
call('HSET', base .. ':stamps', ARGV[2], stamp)
return { '', stamp }
