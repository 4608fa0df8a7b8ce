-- Time, and the index of rooms and of who has places in which: what its meta says is format, life, run, floor (the
-- greatest stamp of those that were taken out of the list).
-- call, base: redis.call, and what all keys of the index begin with
-- now: the server's time in ms
-- int(number): its text, whole
-- open(index, meta): begins; false: the data is of a newer format
-- m: format, life, run, floor
local call, base, m = redis.call, '', {}
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(index, meta)
  local v = call('HMGET', meta, 'format', 'life', 'run', 'floor')
  base, m = index, { format = v[1] or '1', life = v[2], run = v[3], floor = tonumber(v[4] or 0) }
  return m.format == '1'
end
