#!lua flags=allow-oom
-- Has what happens pushed to whoever listens, for a while.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty with now: the server is asked
-- ARGV[3] wait      ms
-- RETURNS {format} of newer data, else {"", the number of the last push}
-- COST O(1)
-- COMMANDS INFO, TIME, HMGET, HGET, HSET
-- PARTS ground
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local run = ARGV[1] == '' and string.match(call('INFO', 'server'), 'run_id:(%w+)') or ARGV[2]
-- Where nobody watches any more, or another server took over, a number is left out, which whoever has watched until then
-- will miss.
local isSame = m.isWatched and call('HGET', base .. ':meta', 'run') == run
local number = isSame and m.pushed or math.max(m.pushed + 1, micros)
call('HSET', base .. ':meta', 'watched', int(math.max(m.watched, now + ARGV[3])), 'pushed', int(number), 'run', run)
return { '', int(number) }
