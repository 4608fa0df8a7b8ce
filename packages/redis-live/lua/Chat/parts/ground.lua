-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
