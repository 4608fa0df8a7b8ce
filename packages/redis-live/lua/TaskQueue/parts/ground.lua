-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of `who` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
