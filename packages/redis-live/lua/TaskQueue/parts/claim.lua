-- draw(lane, room, total): takes from a lane while fewer than total are taken; while fewer than room from its front, which
-- nobody stands in, and nobody has been tried, where room is -1; gives how many may be taken in all from then on
-- numbers, records: what has been taken, in that order; tried: what is known of it; takesSuspect: one may still be taken
-- foreign: of a newer format, which is left as it is; putBack() does that
-- isCut: a bound was met, there may be more at once
local numbers, records, tried, foreign, isCut, takesSuspect = {}, {}, {}, {}, false, ARGV[7] == '1'
local function take(popped, key, lane, room)
  local found = call('HMGET', base .. ':tasks', unpack(popped))
  local before = room >= 0 and call('HMGET', base .. ':attempts', unpack(popped)) or {}
  for i = 1, #popped do
    local number, record = popped[i], found[i]
    local isSuspect = before[i] and select(2, tries(before[i])) >= 2
    if record and not isKnown(record) then foreign[#foreign + 1] = { number, key, lane }
    elseif record and isSuspect and not (takesSuspect and #numbers < room) then
      -- It came to the head of the list, and may not run with others: it waits with its like.
      call('ZADD', base .. ':suspect:' .. lane, number, number)
      woken[lane] = woken[lane] or 0
    elseif record then
      local place = not string.find(record, '^1 %d+\n') and field(record, 'p')
      if not place or enter(number, record, place) then
        numbers[#numbers + 1], records[#records + 1] = number, record
        if room >= 0 then tried[#numbers] = before[i] end
        if isSuspect then takesSuspect = false end
      end
    end
  end
end
local function pop(key, lane, count)
  if lane then return call('LPOP', key, count) or {} end
  local popped, scored = {}, call('ZPOPMIN', key, count)
  for i = 1, #scored, 2 do popped[#popped + 1] = scored[i] end
  return popped
end
local function from(key, lane, room, total)
  for _ = 1, 4 do
    local count = total - #numbers
    if count <= 0 then return end
    local popped = pop(key, lane, count)
    if #popped > 0 then take(popped, key, lane, room) end
    if #popped < count then return end
  end
  if #numbers < total then isCut = true end
end
local function draw(lane, room, total)
  local ready, front, suspect = base .. ':ready:' .. lane, base .. ':front:' .. lane, base .. ':suspect:' .. lane
  local before = #numbers
  if takesSuspect and before < room then from(suspect, nil, room, before + 1) end
  from(front, nil, room, room)
  -- Behind those who still stand in front nobody is claimed ahead: they would begin before them.
  if room >= 0 and call('EXISTS', front) == 1 then total = math.min(total, room) end
  from(ready, lane, room, total)
  if string.sub(lane, 1, 1) == 'p' and #numbers > before and call('EXISTS', ready, front, suspect) == 0 then
    call('ZREM', base .. ':names', string.sub(lane, 2))
  end
  return total
end
local function putBack()
  for i = #foreign, 1, -1 do
    local number, key, lane = unpack(foreign[i])
    if lane then call('LPUSH', key, number) else call('ZADD', key, number, number) end
  end
end
