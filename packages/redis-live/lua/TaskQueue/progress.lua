#!lua
-- What a run says of itself, as long as the task is its claimer's.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] claimer   who
-- ARGV[3] number    the task's
-- ARGV[4] fence     of its claim
-- ARGV[5] value     a text
-- RETURNS {format} of newer data, else {"", 1}, or {"", 0} where it is not its claimer's any more
-- COST O(1)
-- COMMANDS TIME, HMGET, HGET, HSET
-- PARTS ground
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local held = call('HGET', base .. ':claimed:' .. ARGV[2], ARGV[3])
if not held or string.sub(held, 2) ~= ARGV[4] then return { '', 0 } end
call('HSET', base .. ':progress', ARGV[3], ARGV[5])
return { '', 1 }
