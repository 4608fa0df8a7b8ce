#!lua flags=allow-oom
-- Sends dead letters back to the end of their lanes, but not one whose unique key somebody else has.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        percent-encoded, that one; empty: a page of all that are dead by now
-- ARGV[3] cursor    empty at first
-- RETURNS {format} of newer data, else {"", how many, the next cursor or ""}
-- COST O(log n + page)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, HEXISTS, RPUSH, ZADD, ZREM, ZSCORE, ZCOUNT, ZMSCORE, HSCAN, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH
-- PARTS ground, many, record, lanes, events, look, pages
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local count = 0
local function isTaken(number, key)
  local holder, till = string.match(call('HGET', base .. ':unique', key) or '', '^(%d+) %S+ ?(%d*)$')
  if not holder or holder == number then return false end
  if till ~= '' then return tonumber(till) > now end
  return call('HEXISTS', base .. ':tasks', holder) == 1
end
local function revive(number)
  local record = call('HGET', base .. ':tasks', number)
  if not record or not isKnown(record) then return end
  local key = field(record, 'u')
  if key and isTaken(number, key) then return end
  if key then call('HSET', base .. ':unique', key, number .. ' ' .. idOf(number, record)) end
  call('ZREM', base .. ':dead', pad(number))
  call('ZREM', base .. ':expiring', 'r' .. number)
  for _, suffix in ipairs({ ':attempts', ':errors', ':progress', ':results' }) do call('HDEL', base .. suffix, number) end
  toEnd(number, laneOf(record))
  event('E', number, record)
  count = count + 1
end
local members, _, cursor = {}, {}, ''
if ARGV[2] ~= '' then
  local number = resolve(ARGV[2])
  if number and call('ZSCORE', base .. ':dead', pad(number)) then members[1] = pad(number) end
else
  -- What dies again while others are redriven is not among them.
  members, _, cursor = after(base .. ':dead', ARGV[3] == '' and '0 0 ' .. int(now) or ARGV[3])
end
for _, member in ipairs(members) do revive(bare(member)) end
flush()
wakeAll()
report()
return { '', count, cursor }
