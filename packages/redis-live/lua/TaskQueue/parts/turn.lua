-- The end of a claimer's turn.
-- hold(first, free, window): what has been taken is its own, with fences from first on; with a window, starts
-- nextStart(limit, window): when the rate allows another start, where it allows none now
-- stand(claimer, isIdle, some, mayWake): wakes whoever may take what it has left; it is idle or not; its lease, for as long
-- as it holds something or is idle: who is not heard of any more is not woken either
local function hold(first, free, window)
  local held, starts, low, most, isWatched = {}, {}, first % 100000000, tonumber(ARGV[16]), m.isWatched
  local high = int((first - low) / 100000000)
  for i = 1, #numbers do
    local low = low + i - 1
    local fence = low < 100000000 and high .. string.format('%08d', low) or int(first + i - 1)
    local begins = i <= free and (not tried[i] or tries(tried[i]) < most)
    held[2 * i - 1], held[2 * i] = numbers[i], (begins and 'r' or 'a') .. fence
    if begins and isWatched then started(numbers[i], records[i], tried[i]) end
    if window then starts[2 * i - 1], starts[2 * i] = int(now), fence end
  end
  many('HSET', claimed, held)
  many('ZADD', ':starts', starts)
  if #starts > 0 then call('ZADD', base .. ':expiring', int(now + window), 't') end
end
local function nextStart(limit, window)
  local starts = base .. ':starts'
  local over = call('ZCARD', starts) - limit
  return over >= 0 and call('ZRANGE', starts, int(over), int(over), 'WITHSCORES')[2] + window or nil
end
local function waiting(lane, withSuspects)
  local count = call('LLEN', base .. ':ready:' .. lane) + call('ZCARD', base .. ':front:' .. lane)
  return count + (withSuspects and call('ZCARD', base .. ':suspect:' .. lane) or 0)
end
local function stand(claimer, isIdle, some, mayWake)
  if some then call('ZREM', base .. ':idle', claimer) end
  if some and not m.isPaused and call('ZCARD', base .. ':idle') > 0 then
    -- Two that may have no suspect would wake each other for ever over one that is there.
    local lanes, count, withSuspects = {}, sooner and 1 or 0, ARGV[7] == '1' or next(woken) ~= nil
    for i = 17, mayWake and 16 + ARGV[12] or 0 do lanes[ARGV[i]] = true end
    for lane in pairs(mayWake and woken or {}) do lanes[lane] = true end
    local left = 0
    for lane in pairs(lanes) do
      if string.sub(lane, 1, 1) == 'l' then left = left + waiting(lane, withSuspects) end
    end
    count = math.max(count, left)
    if count > 0 then wake(count) end
  end
  for lane in pairs(m.isPaused and {} or woken) do
    if string.sub(lane, 1, 1) == 'p' and waiting(lane, true) > 0 then tell('@' .. string.sub(lane, 2), 'work') end
  end
  if isIdle then call('ZADD', base .. ':idle', int(micros), claimer) end
  if isIdle or #numbers > 0 or call('HLEN', base .. claimed) > 0 then
    call('ZADD', base .. ':leases', int(now + ARGV[4]), claimer)
  else call('ZREM', base .. ':leases', claimer) end
end
