#!lua
-- Has a definition of a schedule count, if it is of a later start than the one that does.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        percent-encoded
-- ARGV[3] fingerprint <calendar>.<the rest>
-- ARGV[4] since     of this start, as it was answered; empty: it starts now
-- ARGV[5] last      slot that the peer knows of, or empty
-- RETURNS {format} of newer data, else {"", now, last slot, since}
-- COST O(1)
-- COMMANDS TIME, EXISTS, DEL, HMGET, HGET, HSET, HDEL, ZADD, ZREM, ZRANGEBYSCORE
-- PARTS ground, many, collect, timetable
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local id, print = ARGV[2], ARGV[3]
local last, since, number, known = scheduled(id)
local mine, from = tonumber(ARGV[4]) or math.max(now, (since or 0) + 1), sane(tonumber(ARGV[5]) or now)
if not last then
  last = from
  note(id, last, mine, '0', print)
elseif mine > since then
  -- What a new calendar names of the past is not its own.
  if string.match(known, '^[^.]*') ~= string.match(print, '^[^.]*') then last = math.max(last, from) end
  note(id, last, mine, number, print)
end
touch(id)
collect(128)
return { '', int(now), int(last), int(mine) }
