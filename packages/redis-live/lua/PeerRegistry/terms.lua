#!lua flags=allow-oom
-- What a peer wants of leaderships: Seek, Hold what the book may have lost, or Drop.
-- KEYS[1] meta      as in beat
-- KEYS[2] records   as in beat
-- KEYS[3] grave     as in beat
-- KEYS[4] leaders   hash: name -> "<owner> <fence>"; an empty owner: nobody's, though others may not be in the book
-- KEYS[5] channel   as in beat
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty: the server is asked
-- ARGV[3] id        the peer's
-- ARGV[4] known     the highest fence it has seen
-- ARGV[5...] wishes name, kind, fence, name, kind, fence, ...
-- RETURNS {format} of newer data, {"", 0} where the book first needs a beat, else {"", 1, owner, fence, owner, ...}
-- COST O(wishes), O(leaderships) where one is given
-- COMMANDS INFO, TIME, HMGET, HEXISTS, HGET, HGETALL, HSET, HDEL, ZSCORE, SPUBLISH
local call, leaders, id, run, micros = redis.call, KEYS[4], ARGV[3], ARGV[2], tonumber(ARGV[1] .. '000')
if ARGV[1] == '' then
  local time = redis.call('TIME')
  micros = time[1] * 1000000 + time[2]
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
local m = call('HMGET', KEYS[1], 'format', 'epoch', 'run', 'version', 'clock', 'doubtful', 'fence', 'freed')
if m[1] and m[1] ~= '1' then return { m[1] } end
if m[3] ~= run or call('HEXISTS', KEYS[2], id) == 0 then return { '', 0 } end
local clock, doubtful, lines, reply = tonumber(m[5]), tonumber(m[6]), {}, { '', 1 }
local highest, freed = math.max(tonumber(m[7] or 0), tonumber(ARGV[4])), tonumber(m[8] or 0)
for i = 7, #ARGV, 3 do highest = math.max(highest, tonumber(ARGV[i])) end
local function int(number) return string.format('%.0f', number) end
local function read(value)
  local owner, fence = string.match(value or '', '^(%S*) (%d+)$')
  return owner, tonumber(fence or 0), owner and call('HEXISTS', KEYS[2], owner) == 1
end
-- Nobody may still be at what was this owner's.
local function over(owner, there)
  return not there and clock >= math.max(doubtful, tonumber(owner and call('ZSCORE', KEYS[3], owner) or 0))
end
for i = 5, #ARGV, 3 do
  local name, kind, given = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local owner, fence, there = read(call('HGET', leaders, name))
  if kind == 'Drop' then
    if owner == id or not owner and clock < doubtful and given > 0 then
      if clock < doubtful then call('HSET', leaders, name, ' ' .. int(given)) else call('HDEL', leaders, name) end
      freed, lines[#lines + 1] = freed + 1, 'F ' .. name
    end
    owner, fence = '', 0
  elseif kind == 'Hold' and given >= fence or kind == 'Seek' and (owner == '' or owner == id or over(owner, there)) then
    if kind == 'Seek' then
      highest = math.max(highest + 1, micros)
      given = highest
    end
    local all = call('HGETALL', leaders)
    for j = 1, #all, 2 do
      local other, _, lives = read(all[j + 1])
      if over(other, lives) then call('HDEL', leaders, all[j]) end
    end
    call('HSET', leaders, name, id .. ' ' .. int(given))
    owner, fence = id, given
  elseif not there then owner = '' end
  reply[#reply + 1], reply[#reply + 2] = owner, int(fence)
end
call('HSET', KEYS[1], 'fence', int(highest), 'freed', int(freed))
local frame = '1 ' .. m[2] .. ' ' .. int(m[4] + 1) .. '\n' .. table.concat(lines, '\n')
if #lines > 0 then call('SPUBLISH', KEYS[5], frame) end
return reply
