#!lua
-- Replaces a peer's metadata.
-- KEYS[1] meta      as in beat
-- KEYS[2] records   as in beat
-- KEYS[3] due       as in beat
-- KEYS[4] changes   as in beat
-- KEYS[5] channel   as in beat
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        the peer's
-- ARGV[3] metadata  JSON
-- RETURNS {format} of newer data, {""} where the peer is not in the book, else {"", frame}
-- COST O(log n)
-- COMMANDS TIME, HMGET, HGET, HSET, ZSCORE, XADD, SPUBLISH
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local m = redis.call('HMGET', KEYS[1], 'format', 'epoch', 'version', 'clock')
if m[1] and m[1] ~= '1' then return { m[1] } end
local record = redis.call('HGET', KEYS[2], ARGV[2])
if not record then return { '' } end
local head, state, s, d = string.match(record, '^(1 (%a) (%d+) (%d+) %d+ %d+ %S+ )')
local seen = now - m[4] + redis.call('ZSCORE', KEYS[3], ARGV[2]) - (state == 'L' and s or d)
local version = string.format('%.0f', m[3] + 1)
local line = table.concat({ 'U', string.format('%.0f', seen), ARGV[2], head .. ARGV[3] }, ' ')
local frame = '1 ' .. m[2] .. ' ' .. version .. '\n' .. line
redis.call('HSET', KEYS[2], ARGV[2], head .. ARGV[3])
redis.call('HSET', KEYS[1], 'version', version)
redis.call('XADD', KEYS[4], 'MAXLEN', 1000, version .. '-0', 'c', line)
redis.call('SPUBLISH', KEYS[5], frame)
return { '', frame }
