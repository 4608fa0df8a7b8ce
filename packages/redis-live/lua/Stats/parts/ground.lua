-- Time, and what the meta of the sums says: a hash of format, life, last reset.
-- call, base: redis.call, and what all keys begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(stats, meta): begins; false: the data is of a newer format
-- m: format, life, reset
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(stats, meta)
  local v = call('HMGET', meta, 'format', 'life', 'reset')
  base, m = stats, { format = v[1] or '1', life = v[2] or '', reset = tonumber(v[3] or 0) }
  return m.format == '1'
end
