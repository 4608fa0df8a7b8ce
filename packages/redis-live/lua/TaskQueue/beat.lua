#!lua flags=allow-oom
-- The heartbeat of claimers, one of each queue named: renews leases, and takes back what belongs to whoever has none.
-- KEYS[1...] queues of each claimer queue and meta, as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2...] rest   of each queue claimer, lease in ms, dead letters kept, ms they are kept, last step answered, what is held
-- since, and when the step under way is applied, as contradiction says, how many lanes, lanes
-- RETURNS "", then of each queue {format} of newer data, else {"", held, fence, ready, paused, due in ms or -1, more, what
-- contradicts, number cancelled, ...}
-- COST O(queues + what is reaped)
-- COMMANDS TIME, EXISTS, DEL, RENAME, HMGET, HGET, HGETALL, HSET, HDEL, LPOP, RPUSH, ZADD, ZREM, ZSCORE, ZCARD, ZCOUNT, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH, HLEN
-- PARTS ground, many, record, lanes, events, end, dead, collect, reap, abandoned, holds
local reply, at = { '' }, 2
local function beat()
  local claimer, lease, lanes, lowest = ARGV[at], tonumber(ARGV[at + 1]), {}, 'l'
  for i = at + 8, at + 7 + ARGV[at + 7] do
    local lane = ARGV[i]
    for _, kind in ipairs({ ':ready:', ':front:', ':suspect:' }) do lanes[#lanes + 1] = base .. kind .. lane end
    if string.sub(lane, 1, 1) == 'l' then lowest = lane end
  end
  local isSilent = not m.tick or now < m.tick or now - m.tick > lease / 2
  if isSilent then m.judgeFrom = now + lease end
  call('HSET', base .. ':meta', 'tick', int(now), 'judge', int(m.judgeFrom))
  local isHeld = call('ZSCORE', base .. ':leases', claimer)
  if isHeld then call('ZADD', base .. ':leases', int(now + lease), claimer) end
  call('ZADD', base .. ':names', 'XX', int(now), string.match(claimer, '^(.*)%.') or '')
  if now >= m.judgeFrom then take(claimer) end
  local isMore = back()
  trim(tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]))
  collect(128)
  abandoned(lowest)
  clear()
  flush()
  wakeAll()
  report()
  local cancelled, isReady = call('HGETALL', base .. ':cancelled'), #lanes > 0 and call('EXISTS', unpack(lanes)) > 0
  local due = tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])
  local mine = { '', isHeld and 1 or 0, int(m.fence), isReady and 1 or 0, m.isPaused and 1 or 0, due and int(math.max(0, due - now)) or -1, isMore and 1 or 0 }
  mine[8] = contradiction(claimer, at + 4)
  for i = 1, #cancelled, 2 do
    if cancelled[i + 1] == claimer then mine[#mine + 1] = cancelled[i] end
  end
  return mine
end
for i = 1, #KEYS, 2 do
  reply[#reply + 1] = open(KEYS[i], KEYS[i + 1], ARGV[at]) and beat() or { m.format }
  at = at + 8 + ARGV[at + 7]
end
return reply
