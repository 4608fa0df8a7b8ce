-- What belongs to whom nobody hears of any more.
-- take(caller): takes all claims away from claimers whose lease is over, and wakes them no more; claims lie in
-- `:claimed:<claimer>!<when>` since. What their last step was answered is remembered: it may be asked for again
-- back(): gives at most 256 of what was taken away back to the queue; true: as many as that
local function take(caller)
  for _, claimer in ipairs(call('ZRANGEBYSCORE', base .. ':leases', '-inf', '(' .. int(now))) do
    if claimer ~= caller and not string.find(claimer, '!', 1, true) then
      local held, taken = base .. ':claimed:' .. claimer, claimer .. '!' .. int(now)
      if call('EXISTS', held) == 1 then
        call('RENAME', held, base .. ':claimed:' .. taken)
        call('ZADD', base .. ':leases', 0, taken)
      end
      call('ZREM', base .. ':leases', claimer)
      call('ZREM', base .. ':idle', claimer)
    end
  end
end
local function give(number, letter, record)
  vacate(number, record)
  if letter == 'c' then return finish(number, record, 'X', '') end
  local attempts, crashes = tries(call('HGET', base .. ':attempts', number))
  if letter == 'r' then attempts, crashes = attempts + 1, crashes + 1 end
  if letter == 'r' and crashes >= 3 then
    kill(number, record, 'PeerCrashes', 'its peer went away while it ran', attempts, crashes)
    return toldTo(number, record)
  end
  if letter == 'r' then
    call('HSET', base .. ':attempts', number, int(attempts) .. ' ' .. int(crashes))
    event('B', number, record)
  end
  toFront(number, laneOf(record), crashes)
end
local function back()
  local left = 256
  for _, claimer in ipairs(call('ZRANGEBYSCORE', base .. ':leases', 0, 0)) do
    local key = base .. ':claimed:' .. claimer
    local flat, held = left > 0 and call('HGETALL', key) or {}, {}
    for i = 1, #flat, 2 do held[#held + 1] = { flat[i], string.sub(flat[i + 1], 1, 1) } end
    -- What a page leaves behind must be younger than what it gives back.
    table.sort(held, function(one, other) return tonumber(one[1]) < tonumber(other[1]) end)
    for _, claim in ipairs(held) do
      local record = call('HGET', base .. ':tasks', claim[1])
      if left > 0 and (not record or isKnown(record)) then
        left = left - 1
        call('HDEL', key, claim[1])
        if record then give(claim[1], claim[2], record) end
      end
    end
    if call('EXISTS', key) == 0 then call('ZREM', base .. ':leases', claimer) end
  end
  return left == 0
end
