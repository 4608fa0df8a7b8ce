#!lua flags=allow-oom
-- One heartbeat: keeps the peer alive, judges who is overdue, pushes what changed, answers what this peer misses.
-- The book's own clock goes on from beat to beat; over a silence of half of suspectAfter, or a step back, it stands still.
-- KEYS[1] meta      hash: format, epoch, run, version, tick, clock, resumed, doubtful, fence, freed
-- KEYS[2] records   hash: id -> record
-- KEYS[3] due       sorted set: id -> when it is to be judged, in the book's time
-- KEYS[4] names     hash: name -> id
-- KEYS[5] grave     sorted set: id that is gone -> when nobody can still be at what was its, in the book's time
-- KEYS[6] changes   stream: <version>-0 -> c "<kind> <seenAt> <id> <record>"
-- KEYS[7] channel   shard channel of the frames
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty: the server is asked
-- ARGV[3] fresh     name of an epoch, should one begin
-- ARGV[4] id        empty: somebody who only watches
-- ARGV[5] name      percent-encoded
-- ARGV[6] joined    1: the book has said before that it has this id
-- ARGV[7] suspect   ms
-- ARGV[8] down      ms
-- ARGV[9] epoch     what the view has reached
-- ARGV[10] version  likewise
-- RETURNS {format} of newer data, else {"", status, epoch, version, now, clock, freed, {id, due, ...}, {change, ...}},
-- without the last where the changes do not tell what is missed.
-- COST O(log n + changes)
-- COMMANDS INFO, TIME, HMGET, HLEN, HEXISTS, HGET, HSET, HDEL, ZSCORE, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, ZREMRANGEBYSCORE, ZREMRANGEBYRANK, XADD, XLEN, XRANGE, DEL, SPUBLISH
local call, records, due, names, grave, id = redis.call, KEYS[2], KEYS[3], KEYS[4], KEYS[5], ARGV[4]
local now, run, suspect, down = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[7]), tonumber(ARGV[8])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
local m = call('HMGET', KEYS[1], 'format', 'epoch', 'run', 'version', 'tick', 'clock', 'resumed', 'doubtful', 'freed')
if m[1] and m[1] ~= '1' then return { m[1] } end
for i = 4, 9 do m[i] = tonumber(m[i] or 0) end
local epoch, version, clock, resumed, doubtful = m[2], m[4], m[6], m[7], m[8]
local lines, status = {}, 'Alive'
local function int(number) return string.format('%.0f', number) end
local function change(kind, seen, peer, record)
  version, lines[#lines + 1] = version + 1, table.concat({ kind, int(seen), peer, record }, ' ')
  call('HSET', records, peer, record)
  call('XADD', KEYS[6], 'MAXLEN', 1000, int(version) .. '-0', 'c', lines[#lines])
end
if m[3] ~= run then
  epoch, resumed = ARGV[3], clock
  doubtful = call('HLEN', records) > call('HEXISTS', records, id) and clock + down or 0
  call('DEL', KEYS[6])
end
if now < m[5] or now - m[5] > suspect / 2 then resumed = clock else clock = clock + now - m[5] end
local mine = call('HGET', records, id)
if mine then
  if string.sub(mine, 3, 3) == 'S' then change('R', now, id, '1 L' .. string.sub(mine, 4)) end
  call('ZADD', due, clock + suspect, id)
elseif id ~= '' then
  local gone = call('ZSCORE', grave, id) or ARGV[6] == '1' and ARGV[9] == epoch
  status = not gone and 'Unknown' or call('HEXISTS', names, ARGV[5]) == 1 and 'Superseded' or 'Gone'
end
local overdue = call('ZRANGEBYSCORE', due, '-inf', clock, 'WITHSCORES', 'LIMIT', 0, 16)
for i = 1, #overdue, 2 do
  local peer, record = overdue[i], call('HGET', records, overdue[i])
  local state, s, d, name = string.match(record, '^1 (%a) (%d+) (%d+) %d+ %d+ (%S+)')
  local patience = state == 'L' and s or d
  local last = overdue[i + 1] - patience
  if last < resumed then call('ZADD', due, resumed + patience, peer)
  elseif state == 'L' then
    call('ZADD', due, last + d, peer)
    change('S', now - clock + last, peer, '1 S' .. string.sub(record, 4))
  else
    change('C', now - clock + last, peer, record)
    if call('HGET', names, name) == peer then call('HDEL', names, name) end
    call('HDEL', records, peer)
    call('ZREM', due, peer)
    call('ZADD', grave, clock, peer)
  end
end
call('ZREMRANGEBYSCORE', grave, '-inf', clock - 3600000)
call('ZREMRANGEBYRANK', grave, 0, -10001)
call('HSET', KEYS[1], 'format', '1', 'epoch', epoch, 'run', run, 'version', int(version), 'tick', int(now),
  'clock', int(clock), 'resumed', int(resumed), 'doubtful', int(doubtful))
if #lines > 0 then call('SPUBLISH', KEYS[7], '1 ' .. epoch .. ' ' .. int(m[4] + 1) .. '\n' .. table.concat(lines, '\n')) end
local reply = { '', status, epoch, int(version), int(now), int(clock), int(m[9]), call('ZRANGE', due, 0, 15, 'WITHSCORES') }
local known = ARGV[9] == epoch and tonumber(ARGV[10]) or -1
if known > version or known < version - call('XLEN', KEYS[6]) then return reply end
reply[9] = known < version and call('XRANGE', KEYS[6], int(known + 1) .. '-0', '+', 'COUNT', 64) or {}
return reply
