#!lua flags=allow-oom
-- Has what happens pushed to whoever listens, for a while.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] wait      ms
-- RETURNS {format} of newer data, else {"", the number of the last push}
-- COST O(1)
-- COMMANDS TIME, HMGET, HSET
-- PARTS ground
if not open(KEYS[1], KEYS[2]) then return { m.format } end
-- Where nobody watches any more a number is left out, which whoever has watched until then will miss.
local number = m.isWatched and m.pushed or math.max(m.pushed + 1, micros)
call('HSET', base .. ':meta', 'watched', int(math.max(m.watched, now + ARGV[2])), 'pushed', int(number))
return { '', int(number) }
