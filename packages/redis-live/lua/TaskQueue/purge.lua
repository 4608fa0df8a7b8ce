#!lua flags=allow-oom
-- Removes tasks that wait, sleep or are dead, at most 128.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] state     R ready, S sleeping, X dead
-- ARGV[3] cursor    empty at first
-- RETURNS {format} of newer data, else {"", how many, the next cursor or ""}
-- COST O(page * claimers) where ready, else O(log n + page)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, HSCAN, RPUSH, ZADD, ZREM, ZCOUNT, ZMSCORE, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH, HLEN
-- PARTS ground, many, record, lanes, end, pages, unqueue
local state, cursor, numbers, count, done, _ = ARGV[2], ARGV[3], {}, 0, '', nil
if not open(KEYS[1], KEYS[2]) then return { m.format } end
if state == 'R' then
  numbers, _, done = ready(cursor)
  -- A page may be longer than asked for: the rest of it comes with the same cursor.
  if #numbers > 128 then done = cursor == '' and '0' or cursor end
else
  local members
  members, _, done = after(base .. (state == 'S' and ':delayed' or ':dead'), cursor)
  for i, member in ipairs(members) do numbers[i] = bare(member) end
end
for i = 1, math.min(128, #numbers) do
  local number = numbers[i]
  local record = call('HGET', base .. ':tasks', number)
  if record and isKnown(record) then
    if state == 'X' then call('ZREM', base .. ':dead', pad(number)) else unqueue(number, record) end
    finish(number, record, state ~= 'X' and 'X' or nil, '')
    count = count + 1
  end
end
clear()
wakeAll()
return { '', count, done }
