#!lua flags=allow-oom
-- Settles, marks what has begun, wakes what is due, claims, and renews the lease: one turn of a claimer.
-- KEYS[1] queue     what all keys of the queue begin with; each is said in Keys.ts
-- KEYS[2] meta      of the queue: while a slot moves a server refuses whoever names two of its keys and does not find both
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] claimer   who
-- ARGV[3] sequence  of this step; the last one again is answered again, a lower one is refused
-- ARGV[4] lease     ms
-- ARGV[5] free      runs that may begin at once
-- ARGV[6] ahead     how many more to claim
-- ARGV[7] suspect   1: one suspect may be among them
-- ARGV[8] limit     starts in any span of window; 0: any number
-- ARGV[9] window    ms
-- ARGV[10] capacity dead letters kept
-- ARGV[11] ttl      ms that a dead letter is kept
-- ARGV[12] lanes    how many
-- ARGV[13] plain    settlements of plain tasks that are done
-- ARGV[14] begun    how many
-- ARGV[15] others   other settlements
-- ARGV[16] most     runs of a task: who has had as many is claimed and does not begin
-- ARGV[17...] rest  lanes; numbers, then fences of plain; numbers begun; of others number, fence, kind, detail, error, answer
-- RETURNS {format} of newer data, {"refused"}, else {"", life, plain, others, paused, due in ms or -1, more, idle, ahead,
-- first fence or {fence, ...}, {number, ...}, {record, ...}, {attempts and crashes or nil, ...}}
-- COST O(settlements + claims)
-- COMMANDS TIME, EXISTS, DEL, HMGET, HGET, HGETALL, HSET, HDEL, HLEN, HEXISTS, LPOP, LPUSH, RPUSH, LLEN, ZADD, ZREM, ZSCORE, ZCARD, ZCOUNT, ZRANGE, ZRANGEBYSCORE, ZREMRANGEBYSCORE, ZPOPMIN, SPUBLISH
-- PARTS ground, many, record, lanes, events, end, dead, collect, begin, settle, place, claim, turn, again
local claimer, sequence, free, limit, window = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[8]), tonumber(ARGV[9])
local lanesAt, plainAt = 17, 17 + ARGV[12]
local begunAt = plainAt + 2 * ARGV[13]
if not open(KEYS[1], KEYS[2], claimer) then return { m.format } end
-- What its last step gave a claimer is known from here alone, for as long as it holds it.
if m.isOld and call('EXISTS', base .. ':claimed:' .. claimer) == 0 then m.memo = nil end
local before = tonumber(string.match(m.memo or '0', '^%d+'))
if sequence == before then return again() elseif sequence < before then return { 'refused' } end
local plain = plainly(plainAt, tonumber(ARGV[13]))
local others = settle(begunAt + ARGV[14], tonumber(ARGV[15]))
begin(begunAt, tonumber(ARGV[14]))
if kills > 0 then trim(tonumber(ARGV[10]), tonumber(ARGV[11])) end
clear()
flush()
-- No slower than answers and ids come to be kept.
collect(128 + 2 * ARGV[15])
local keys = { base .. ':delayed', base .. ':idle', base .. ':attempts' }
for i = lanesAt, plainAt - 1 do
  keys[#keys + 1], keys[#keys + 2] = base .. ':front:' .. ARGV[i], base .. ':suspect:' .. ARGV[i]
end
-- Where there is nothing of all this, nobody pays for it.
local some = call('EXISTS', unpack(keys)) > 0
local due, asked = some and promote() or nil, free + ARGV[6]
local most = math.min(asked, 512)
local total, allowedAt, isRated = m.isPaused and 0 or most, nil, false
if limit > 0 and total > 0 then
  call('ZREMRANGEBYSCORE', base .. ':starts', '-inf', int(now - window))
  local left = math.max(0, limit - call('ZCARD', base .. ':starts'))
  isRated, total = left < total, math.min(left, total)
end
local room = some and math.min(free, total) or -1
for i = lanesAt, plainAt - 1 do
  if #numbers >= total or isCut then break end
  total = draw(ARGV[i], room, total)
end
putBack()
local first, count = math.max(m.fence + 1, micros), #numbers
local last = first + count - 1
hold(first, free, limit > 0 and window)
if isRated then
  allowedAt = nextStart(limit, window)
  due = due and allowedAt and math.min(due, allowedAt) or due or allowedAt
end
local isMore = isCut or asked > most and count == most or due ~= nil and due <= now
local isIdle = asked > 0 and count < free and not isMore
stand(claimer, isIdle, some, not allowedAt and #foreign == 0)
report()
local more, idle = isMore and 1 or 0, isIdle and 1 or 0
local ahead = math.max(0, count - free)
local memo = { int(sequence), int(now), int(first), int(last), ahead, due and int(due) or '-', more, idle }
memo[9], memo[10] = plain == '' and '-' or plain, others == '' and '-' or others
call('HSET', base .. ':meta', '=' .. claimer, table.concat(memo, ' '), 'fence', int(count > 0 and last or m.fence))
if not m.memo then call('ZADD', base .. ':expiring', int(now + 3600000), 's' .. claimer) end
return answer(plain, others, due or '-', more, idle, ahead, int(first), numbers, records, tried)
