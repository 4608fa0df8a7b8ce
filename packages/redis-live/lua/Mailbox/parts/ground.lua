-- Time, a box, and what its meta says: a hash of format, epoch, run, last, acknowledged, at, until, past.
-- call: redis.call
-- now, run, isPhysical: the server's time in ms, and its run id; are they its own? Then all is given a time to live, too
-- int(number), id(number): its text, whole; the letter of that number
-- open(letters, meta, fresh): the box as this server knows it, begun anew where there is none; false: it is of a newer format
-- save(meta, ttl): keeps what it is now
-- keep(key, ms): for so long at least
-- m: format, epoch, run, last number, last one acknowledged, at: when the last was delivered, till: when the box is over, past:
-- epochs before this one and where they ended, as "<epoch>:<end> ..."
local call, day, m = redis.call, 86400000, {}
local now, run = tonumber(ARGV[1]), ARGV[2]
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
local function int(number) return string.format('%.0f', number) end
local function id(number) return string.format('%.0f-0', number) end
local function open(letters, meta, fresh)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'last', 'acknowledged', 'at', 'until', 'past')
  m = {
    format = v[1] or '1', epoch = v[2], run = v[3], last = tonumber(v[4] or 0), acknowledged = tonumber(v[5] or 0),
    at = tonumber(v[6] or 0), till = tonumber(v[7] or 0), past = v[8] or ''
  }
  if m.format ~= '1' then return false end
  if not m.epoch or m.till <= now then
    -- Letters of which nobody knows the numbers are lost, and stand for one that is.
    local gone = call('DEL', letters)
    m = { epoch = fresh, run = run, last = m.epoch and 0 or gone, acknowledged = 0, at = 0, till = 0, past = '' }
  elseif m.run ~= run then
    m.past = m.past .. m.epoch .. ':' .. int(m.last) .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch, m.run = fresh, run
  end
  return true
end
local function keep(key, ms) if call('PTTL', key) < ms then call('PEXPIRE', key, int(ms)) end end
local function save(meta, ttl)
  call('HSET', meta, 'format', '1', 'epoch', m.epoch, 'run', m.run, 'last', int(m.last), 'acknowledged', int(m.acknowledged),
    'at', int(m.at), 'until', int(math.max(m.till, now + ttl + day)), 'past', m.past)
  if isPhysical then keep(meta, ttl + day) end
end
