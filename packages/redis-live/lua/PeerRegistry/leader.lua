#!lua flags=allow-oom
-- Who has a leadership, and when it was last heard of.
-- KEYS[1] meta     as in beat
-- KEYS[2] records  as in beat
-- KEYS[3] due      as in beat
-- KEYS[4] leaders  as in terms
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] name     percent-encoded
-- RETURNS {format} of newer data, {""} where nobody has it, else {"", id, seenAt, record}
-- COST O(log n)
-- COMMANDS TIME, HMGET, HGET, ZSCORE
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local m = redis.call('HMGET', KEYS[1], 'format', 'clock')
if m[1] and m[1] ~= '1' then return { m[1] } end
local id = string.match(redis.call('HGET', KEYS[4], ARGV[2]) or '', '^(%S+) ')
local record = id and redis.call('HGET', KEYS[2], id)
if not record then return { '' } end
local state, s, d = string.match(record, '^1 (%a) (%d+) (%d+)')
local seen = now - m[2] + redis.call('ZSCORE', KEYS[3], id) - (state == 'L' and s or d)
return { '', id, string.format('%.0f', seen), record }
