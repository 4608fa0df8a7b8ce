#!lua flags=allow-oom
-- Removes tasks that wait, sleep or are dead, at most 128, of those that were there when it began.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] state     R ready, S sleeping, X dead
-- ARGV[3] cursor    empty at first
-- RETURNS {format} of newer data, else {"", how many, the next cursor or ""}
-- COST O(page * claimers) where ready, else O(log n + page)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, HSCAN, RPUSH, ZADD, ZREM, ZCOUNT, ZMSCORE, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH, HLEN
-- PARTS ground, many, record, lanes, events, end, pages, unqueue
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local state, most, from = ARGV[2], string.match(ARGV[3], '^(%d+) (.*)$')
local members, done, count, _ = {}, '', 0, nil
-- Of what was there when it began: by its number, and by when it is due, or has died.
most = tonumber(most) or m.next
if state == 'R' then
  from = from or '0'
  members, _, done = ready(from)
else
  local key = base .. (state == 'S' and ':delayed' or ':dead')
  from = from or '0 0 ' .. (call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] or '0')
  local scores
  members, scores, done = after(key, from)
  -- All that is behind it in the same ms is as new.
  if done ~= '' and tonumber(bare(members[#members])) > most then
    done = int(scores[#scores] + 1) .. ' 0' .. string.match(done, ' %d+$')
  end
end
for i = 1, #members do
  local number = bare(members[i])
  local record = tonumber(number) <= most and call('HGET', base .. ':tasks', number)
  if record and isKnown(record) then
    -- A page may be longer than asked for: the rest of it comes with the same cursor.
    if count == 128 then
      done = from
      break
    end
    if state == 'X' then call('ZREM', base .. ':dead', pad(number)) else unqueue(number, record) end
    if state ~= 'X' then event('X', number, record) end
    finish(number, record, state ~= 'X' and 'X' or nil, '')
    count = count + 1
  end
end
clear()
wakeAll()
report()
return { '', count, done == '' and '' or int(most) .. ' ' .. done }
