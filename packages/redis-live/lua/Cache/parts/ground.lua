-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
