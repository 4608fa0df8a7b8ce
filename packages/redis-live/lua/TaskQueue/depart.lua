#!lua flags=allow-oom
-- A claimer goes: what it holds goes back, uncounted, and it is forgotten. Of a sender the last batch is forgotten.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] who       a claimer, or a sender
-- RETURNS {format} of newer data, else {""}
-- COST O(claims)
-- COMMANDS TIME, DEL, HMGET, HGET, HGETALL, HSET, HDEL, RPUSH, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH, HLEN
-- PARTS ground, many, record, lanes, events, end
local who = ARGV[2]
if not open(KEYS[1], KEYS[2], who) then return { m.format } end
local key = base .. ':claimed:' .. who
local held = call('HGETALL', key)
for i = 1, #held, 2 do
  local number, record = held[i], call('HGET', base .. ':tasks', held[i])
  if record then vacate(number, record) end
  if record and string.byte(held[i + 1]) == 99 then finish(number, record, 'X', '')
  elseif record then
    if string.byte(held[i + 1]) == 114 then event('B', number, record) end
    toFront(number, laneOf(record), select(2, tries(call('HGET', base .. ':attempts', number))))
  end
end
call('DEL', key)
call('ZREM', base .. ':leases', who)
local wasIdle = call('ZREM', base .. ':idle', who) == 1
call('ZREM', base .. ':expiring', 's' .. who)
call('HDEL', base .. ':meta', '=' .. who)
clear()
-- Perhaps it had been woken, and leaves without having looked: then it is for another to look. A sender has no fences.
wakeAll(not wasIdle and not m.isOld and string.find(m.memo or '', '^%d+ %d+ %d+ %d+ ') and 1 or 0)
report()
return { '' }
