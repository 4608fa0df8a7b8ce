#!lua flags=allow-oom
-- Ends a task that waits or sleeps; tells the claimer of one that runs.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        percent-encoded
-- RETURNS {format} of newer data, else {"", 1}, or {"", 0} where there is no such task, or a dead one
-- COST O(claimers)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, RPUSH, ZADD, ZREM, ZSCORE, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH, HLEN
-- PARTS ground, many, record, lanes, events, end, look, unqueue
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local number, record = resolve(ARGV[2])
if not record then return { '', 0 } end
if not isKnown(record) then return { string.match(record, '^%S*') .. ' ' } end
local state, claimer, held = stateOf(number, record)
if state == 'X' then return { '', 0 } end
if state ~= 'C' or string.byte(held) ~= 99 then event('X', number, record) end
if state == 'C' then
  call('HSET', base .. ':claimed:' .. claimer, number, 'c' .. string.sub(held, 2))
  call('HSET', base .. ':cancelled', number, claimer)
  tell(claimer, 'cancel ' .. number)
else
  unqueue(number, record)
  finish(number, record, 'X', '')
end
clear()
wakeAll()
report()
return { '', 1 }
