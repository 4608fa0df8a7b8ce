-- Dead letters.
-- kill(number, record, reason, error, attempts, crashes): it dies now
-- trim(capacity, timeToLive): ends those that are too old or too many, at most 128
local function kill(number, record, reason, error, attempts, crashes)
  call('HSET', base .. ':attempts', number, int(attempts) .. ' ' .. int(crashes))
  call('HSET', base .. ':errors', number, reason .. '\n' .. error)
  call('ZADD', base .. ':dead', int(now), pad(number))
  unhold(number, record)
  event('D', number, record, reason)
end
local function trim(capacity, timeToLive)
  local dead = base .. ':dead'
  local old = call('ZCOUNT', dead, '-inf', int(now - timeToLive))
  local count = math.min(128, math.max(old, call('ZCARD', dead) - capacity))
  if count <= 0 then return end
  for _, member in ipairs(call('ZRANGE', dead, 0, int(count - 1))) do
    local number = bare(member)
    local record = call('HGET', base .. ':tasks', number)
    if not record or isKnown(record) then
      call('ZREM', dead, member)
      if record then finish(number, record) end
    end
  end
end
