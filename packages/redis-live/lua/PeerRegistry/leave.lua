#!lua flags=allow-oom
-- Takes a peer out of the book for good, and gives up the leaderships it no longer holds.
-- KEYS[1] meta      as in beat
-- KEYS[2] records   as in beat
-- KEYS[3] due       as in beat
-- KEYS[4] names     as in beat
-- KEYS[5] grave     as in beat
-- KEYS[6] changes   as in beat
-- KEYS[7] leaders   hash: name -> "<owner> <fence>"
-- KEYS[8] channel   as in beat
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        the peer's
-- ARGV[3...] held   name, fence, name, fence, ...
-- RETURNS {format} of newer data, else {""}
-- COST O(log n + held)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZSCORE, ZADD, ZREM, XADD, SPUBLISH
local call, id, now = redis.call, ARGV[2], tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local m = call('HMGET', KEYS[1], 'format', 'epoch', 'version', 'clock', 'doubtful', 'fence', 'freed')
if m[1] and m[1] ~= '1' then return { m[1] } end
for i = 3, 7 do m[i] = tonumber(m[i] or 0) end
local version, clock, fence, freed, lines = m[3], m[4], m[6], m[7], {}
local function int(number) return string.format('%.0f', number) end
local record = call('HGET', KEYS[2], id)
if record then
  local state, s, d, name = string.match(record, '^1 (%a) (%d+) (%d+) %d+ %d+ (%S+)')
  local last = call('ZSCORE', KEYS[3], id) - (state == 'L' and s or d)
  version, lines[1] = version + 1, table.concat({ 'G', int(now - clock + last), id, record }, ' ')
  call('XADD', KEYS[6], 'MAXLEN', 1000, int(version) .. '-0', 'c', lines[1])
  if call('HGET', KEYS[4], name) == id then call('HDEL', KEYS[4], name) end
  call('HDEL', KEYS[2], id)
  call('ZREM', KEYS[3], id)
  call('ZADD', KEYS[5], last + d, id)
else
  call('ZADD', KEYS[5], clock, id)
end
for i = 3, #ARGV, 2 do
  local held, doubtful = tonumber(ARGV[i + 1]), not m[2] or clock < m[5]
  local owner = string.match(call('HGET', KEYS[7], ARGV[i]) or '', '^(%S*) ')
  fence = math.max(fence, held)
  if owner == id or not owner and doubtful and held > 0 then
    -- While it is doubtful whose what is not in the book is, the book says that this is nobody's.
    if doubtful then call('HSET', KEYS[7], ARGV[i], ' ' .. int(held)) else call('HDEL', KEYS[7], ARGV[i]) end
    freed, lines[#lines + 1] = freed + 1, 'F ' .. ARGV[i]
  end
end
call('HSET', KEYS[1], 'version', int(version), 'fence', int(fence), 'freed', int(freed))
local frame = table.concat({ '1 ', m[2] or '', ' ', int(m[3] + 1), '\n', table.concat(lines, '\n') })
if #lines > 0 then call('SPUBLISH', KEYS[8], frame) end
return { '' }
