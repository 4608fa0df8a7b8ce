#!lua
-- Enqueues the task of a schedule's slot, if the slot has come and is not used up.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] life      a name for the queue's data, should it begin
-- ARGV[3] id        of the schedule, percent-encoded
-- ARGV[4] fingerprint as in enrol
-- ARGV[5] since     as enrol has answered it
-- ARGV[6] slot      ms since 1970
-- ARGV[7] skips     1: not while its last task is unfinished
-- ARGV[8] max       tasks that may wait or sleep
-- ARGV[9] lane      of the task
-- ARGV[10] record   without its head
-- ARGV[11] key      its unique key, or empty
-- RETURNS {format} of newer data, else {"", outcome, now, last slot}; outcomes are F fired, S skipped, L no room, T taken,
-- E early, R replaced, U unknown
-- COST O(claimers)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, HLEN, HEXISTS, RPUSH, ZADD, ZREM, ZCARD, ZSCORE, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH
-- PARTS ground, many, record, lanes, events, held, timetable
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local id, slot, lane, key = ARGV[3], tonumber(ARGV[6]), ARGV[9], ARGV[11]
local last, since, number, print = scheduled(id)
local function answer(outcome) return { '', outcome, int(now), int(last or 0) } end
if not last then return answer('U') end
if print ~= ARGV[4] then return answer(tonumber(ARGV[5]) > since and 'U' or 'R') end
if slot <= last then return answer('T') end
if slot > now then return answer('E') end
last = slot
local function isUnfinished()
  return call('HEXISTS', base .. ':tasks', number) == 1 and not call('ZSCORE', base .. ':dead', pad(number))
end
local function isFull()
  local room = ARGV[8] - call('HLEN', base .. ':tasks')
  return room < 1 and room + call('ZCARD', base .. ':dead') + held() < 1
end
local outcome = 'F'
if ARGV[7] == '1' and isUnfinished() or key ~= '' and knownKey(key, {}) then outcome = 'S'
elseif isFull() then outcome = 'L'
else
  m.life = m.life or ARGV[2]
  number = int(m.next + 1)
  call('HSET', base .. ':meta', 'format', '1', 'life', m.life, 'next', number)
  call('HSET', base .. ':tasks', number, '1 ' .. int(now) .. ARGV[10])
  if key ~= '' then call('HSET', base .. ':unique', key, number .. ' ' .. number .. '.' .. m.life) end
  toEnd(number, lane)
  event('E', number, ARGV[10])
  flush()
  wakeAll()
  report()
end
note(id, last, since, number, print)
touch(id)
return answer(outcome)
