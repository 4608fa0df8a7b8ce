-- draw(lane, room, total, takesSuspect): takes from a lane while fewer than total are taken; while fewer than room from
-- its front, which nobody stands in where room is -1; gives whether another suspect may be taken
-- numbers, records: what has been taken, in that order; isCut: a bound was met, there may be more at once
-- foreign: of a newer format, which is left as it is; putBack() does that
local numbers, records, foreign, isCut = {}, {}, {}, false
local function take(popped, key, isList)
  local found = call('HMGET', base .. ':tasks', unpack(popped))
  for i = 1, #popped do
    local number, record = popped[i], found[i]
    if record and string.find(record, '^1 %d+\n') then
      numbers[#numbers + 1], records[#records + 1] = number, record
    elseif record and not isKnown(record) then foreign[#foreign + 1] = { number, key, isList }
    elseif record then
      local place = field(record, 'p')
      if not place or enter(number, record, place) then numbers[#numbers + 1], records[#records + 1] = number, record end
    end
  end
end
local function pop(key, isList, count)
  if isList then return call('LPOP', key, count) or {} end
  local popped, scored = {}, call('ZPOPMIN', key, count)
  for i = 1, #scored, 2 do popped[#popped + 1] = scored[i] end
  return popped
end
local function from(key, isList, total)
  for _ = 1, 4 do
    local count = math.min(512, total - #numbers)
    if count <= 0 then return end
    local popped = pop(key, isList, count)
    if #popped > 0 then take(popped, key, isList) end
    if #popped < count then return end
  end
  if #numbers < total then isCut = true end
end
local function draw(lane, room, total, takesSuspect)
  local ready, front, suspect = base .. ':ready:' .. lane, base .. ':front:' .. lane, base .. ':suspect:' .. lane
  local before = #numbers
  if takesSuspect and before < room then from(suspect, false, before + 1) end
  takesSuspect = takesSuspect and #numbers == before
  from(front, false, room)
  -- Behind those who still stand in front nobody is claimed ahead: they would begin before them.
  if room >= 0 and call('EXISTS', front) == 1 then total = math.min(total, room) end
  from(ready, true, total)
  if string.sub(lane, 1, 1) == 'p' and #numbers > before and call('EXISTS', ready, front, suspect) == 0 then
    call('ZREM', base .. ':names', string.sub(lane, 2))
  end
  return takesSuspect
end
local function putBack()
  for i = #foreign, 1, -1 do
    local number, key, isList = unpack(foreign[i])
    if isList then call('LPUSH', key, number) else call('ZADD', key, number, number) end
  end
end
