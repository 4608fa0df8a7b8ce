#!lua flags=allow-oom
-- Puts a peer into the book that a beat did not find there, in place of one of its name that came earlier.
-- KEYS[1] meta      as in beat
-- KEYS[2] records   as in beat
-- KEYS[3] due       as in beat
-- KEYS[4] names     as in beat
-- KEYS[5] grave     as in beat
-- KEYS[6] changes   as in beat
-- KEYS[7] channel   as in beat
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty: the server is asked
-- ARGV[3] id        the peer's
-- ARGV[4] name      percent-encoded
-- ARGV[5] suspect   ms
-- ARGV[6] down      ms
-- ARGV[7] seat      0: the next one
-- ARGV[8] joined    when it came, ms since 1970; 0: now
-- ARGV[9] metadata  JSON
-- RETURNS {format} of newer data, else {"", status}
-- COST O(log n)
-- COMMANDS INFO, TIME, HMGET, HEXISTS, HGET, HSET, HDEL, ZSCORE, ZADD, ZREM, XADD, SPUBLISH
local call, records, due, names, id, name = redis.call, KEYS[2], KEYS[3], KEYS[4], ARGV[3], ARGV[4]
local now, run, micros = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[1] .. '000')
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now, micros = time[1] * 1000 + math.floor(time[2] / 1000), time[1] * 1000000 + time[2]
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
local m = call('HMGET', KEYS[1], 'format', 'epoch', 'run', 'version', 'clock', 'doubtful', 'fence')
if m[1] and m[1] ~= '1' then return { m[1] } end
if m[3] ~= run then return { '', 'Unknown' } end
if call('HEXISTS', records, id) == 1 then return { '', 'Alive' } end
local version, clock, doubtful, fence = tonumber(m[4]), tonumber(m[5]), tonumber(m[6]), tonumber(m[7] or 0)
local seat, joined, lines, other = tonumber(ARGV[7]), tonumber(ARGV[8]), {}, call('HGET', names, name)
if call('ZSCORE', KEYS[5], id) then return { '', other and 'Superseded' or 'Gone' } end
local function int(number) return string.format('%.0f', number) end
local function change(kind, seen, peer, record)
  version, lines[#lines + 1] = version + 1, table.concat({ kind, int(seen), peer, record }, ' ')
  call('XADD', KEYS[6], 'MAXLEN', 1000, int(version) .. '-0', 'c', lines[#lines])
end
if other then
  local record = call('HGET', records, other)
  local state, s, d, taken = string.match(record, '^1 (%a) (%d+) (%d+) (%d+)')
  if seat > 0 and tonumber(taken) > seat then return { '', 'Superseded' } end
  -- It may go on with what it holds until it cannot prove that it lives.
  local last = call('ZSCORE', due, other) - (state == 'L' and s or d)
  call('ZADD', KEYS[5], last + d, other)
  call('HDEL', records, other)
  call('ZREM', due, other)
  change('X', now - clock + last, other, record)
end
-- One that was there and is not in the book: others like it may be to come, with what they hold.
if joined > 0 and doubtful == 0 then doubtful = clock + ARGV[6] end
if joined == 0 then joined = now end
if seat == 0 then
  fence = math.max(fence + 1, micros)
  seat = fence
end
local record = table.concat({ '1 L', ARGV[5], ARGV[6], int(seat), int(joined), name, ARGV[9] }, ' ')
call('HSET', records, id, record)
call('HSET', names, name, id)
call('ZADD', due, clock + ARGV[5], id)
change('J', now, id, record)
call('HSET', KEYS[1], 'version', int(version), 'doubtful', int(doubtful), 'fence', int(fence))
call('SPUBLISH', KEYS[7], '1 ' .. m[2] .. ' ' .. int(m[4] + 1) .. '\n' .. table.concat(lines, '\n'))
return { '', 'Alive' }
