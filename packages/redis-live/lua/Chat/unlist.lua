#!lua flags=allow-oom
-- Takes a room out of the list of all, if it has not been put there anew.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] room
-- ARGV[3] stamp  what list gave
-- RETURNS {format} of newer data, else {""}
-- COST O(log rooms)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZREM
-- PARTS index, takeOut
if not open(KEYS[1], KEYS[2]) then return { m.format } end
if call('HGET', base .. ':stamps', ARGV[2]) == ARGV[3] then takeOut(ARGV[2], ARGV[3]) end
return { '' }
