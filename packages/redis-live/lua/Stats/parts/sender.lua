-- Those who count, and what is over.
-- known(sender): the number of its last batch, and its name; nil: nobody knows it, or it was silent for a week
-- stay(sender, keep): it is live for so many ms; true: it was not any more, and what it had is the cluster's alone
-- collect(): some of what is over
local week = 604800000
local function known(sender)
  local till = call('ZSCORE', base .. ':known', sender)
  if not till or tonumber(till) <= now then return nil end
  local number, name = string.match(call('HGET', base .. ':senders', sender) or '', '^(%d+) (.*)$')
  return number and tonumber(number), name
end
local function leave(sender) call('DEL', base .. ':sums:' .. sender, base .. ':gauges:' .. sender) end
local function stay(sender, keep)
  local isGone = tonumber(call('ZSCORE', base .. ':live', sender) or 0) <= now
  if isGone then leave(sender) end
  call('ZADD', base .. ':live', int(now + keep), sender)
  call('ZADD', base .. ':known', int(now + week), sender)
  return isGone
end
local function over(index) return call('ZRANGEBYSCORE', base .. index, '-inf', int(now), 'LIMIT', 0, 16) end
local function collect()
  for _, sender in ipairs(over(':live')) do
    leave(sender)
    call('ZREM', base .. ':live', sender)
  end
  for _, sender in ipairs(over(':known')) do
    call('HDEL', base .. ':senders', sender)
    call('ZREM', base .. ':known', sender)
  end
  for _, bucket in ipairs(over(':buckets')) do
    call('DEL', base .. bucket)
    call('ZREM', base .. ':buckets', bucket)
  end
end
