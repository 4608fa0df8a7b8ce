-- The answer of a step, and the same answer again.
-- answer(plain, others, due, isMore, isIdle, ahead, fences, numbers, records, tried): what step RETURNS
-- again(): as the memo "<sequence> <at> <first fence> <last> <ahead> <due> <more> <idle> <plain> <others>" says, with all
-- that is still held of what was claimed; it proves life like the first. Idle is only whoever would be woken
local function answer(plain, others, due, isMore, isIdle, ahead, fences, numbers, records, tried)
  local paused, wait = m.isPaused and 1 or 0, due == '-' and -1 or math.max(0, due - now)
  return { '', m.life or '', plain, others, paused, wait, isMore, isIdle, ahead, fences, numbers, records, tried }
end
local function again()
  local w, mine, numbers, fences, records, ahead = {}, {}, {}, {}, {}, 0
  for word in string.gmatch(m.memo, '%S+') do w[#w + 1] = word end
  call('ZADD', base .. ':leases', 'XX', int(now + ARGV[4]), ARGV[2])
  local held = call('HGETALL', base .. ':claimed:' .. ARGV[2])
  for i = 1, #held, 2 do
    local fence = tonumber(string.sub(held[i + 1], 2))
    if fence >= tonumber(w[3]) and fence <= tonumber(w[4]) then mine[#mine + 1] = { held[i], fence } end
  end
  table.sort(mine, function(one, other) return one[2] < other[2] end)
  for _, claim in ipairs(mine) do
    local record = call('HGET', base .. ':tasks', claim[1])
    if record and isKnown(record) then
      numbers[#numbers + 1], fences[#fences + 1], records[#records + 1] = claim[1], int(claim[2]), record
      if claim[2] > w[4] - w[5] then ahead = ahead + 1 end
    end
  end
  local tried = #numbers > 0 and call('HMGET', base .. ':attempts', unpack(numbers)) or {}
  local plain, others = w[9] == '-' and '' or w[9], w[10] == '-' and '' or w[10]
  local idle = w[8] == '1' and call('ZSCORE', base .. ':idle', ARGV[2]) and 1 or 0
  return answer(plain, others, w[6], tonumber(w[7]), idle, ahead, fences, numbers, records, tried)
end
