-- The answer of a step, and the same answer again.
-- answer(plain, others, paused, due, isMore, isIdle, ahead, fences, numbers, records, tried): what step RETURNS
-- again(): as the memo "<sequence> <at> <first fence> <last> <ahead> <paused> <due> <more> <idle> <plain> <others>" says,
-- with all that is still held of what was claimed
local function answer(plain, others, paused, due, isMore, isIdle, ahead, fences, numbers, records, tried)
  local wait = due == '-' and -1 or math.max(0, due - now)
  return { '', m.life or '', plain, others, paused, wait, isMore, isIdle, ahead, fences, numbers, records, tried }
end
local function again()
  local w, mine, numbers, fences, records = {}, {}, {}, {}, {}
  for word in string.gmatch(m.memo, '%S+') do w[#w + 1] = word end
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
    end
  end
  local tried = #numbers > 0 and call('HMGET', base .. ':attempts', unpack(numbers)) or {}
  local plain, others = w[10] == '-' and '' or w[10], w[11] == '-' and '' or w[11]
  local ahead = math.min(tonumber(w[5]), #numbers)
  return answer(plain, others, tonumber(w[6]), w[7], tonumber(w[8]), tonumber(w[9]), ahead, fences, numbers, records, tried)
end
